"""What attribution methods say of a small CLIP, stated in plain PyTorch.

Written from the papers (and their authors' programs, where a paper leaves a detail open), not from
this project's code, which the figures judge:

    pip install torch safetensors numpy
    python make.py

writes `model/` (random weights under Hugging Face's names), `bank.txt` (captions of other things, for
Finer-CAM) and `maps.safetensors`: the inputs, and each map under the method's name with its settings and
the side it is of. Everything is computed in double precision with PyTorch's own gradients.
"""

import itertools
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import conv2d, cosine_similarity, layer_norm, linear

HERE = Path(__file__).parent
SIDE, PATCH, GRID, POSITIONS, VOCABULARY, PROJECTION = 24, 6, 4, 12, 20, 10
IMAGE = dict(width=24, inner=40, heads=3, depth=3)
# More blocks than Grad-ECLIP sums over.
TEXT = dict(width=16, inner=28, heads=2, depth=9)
# One for which no map is cut to zeros nearly everywhere, and the class token's key is unlike the
# patches'.
SEED = 121
START, END, WORDS = 18, 19, [5, 9, 2, 13, 7]
# Captions that a contrast draws on, the pair's own among them.
BANK = [[3, 8], [5, 9, 2, 13, 7], [1, 4, 6], [11, 2, 2], [15], [7, 13, 2], [10, 16, 1], [17, 12], [6]]
EPSILON, LOGIT_SCALE = 1e-5, 2.6592


def weights():
    """Random ones, `name: tensor`, in single precision as the file has them."""
    made = {}

    def draw(name, *shape, deviation, mean=0.0):
        made[name] = (mean + deviation * torch.randn(*shape)).float()

    def norm(name, width):
        draw(name + ".weight", width, deviation=0.2, mean=1.0)
        draw(name + ".bias", width, deviation=0.2)

    def dense(name, inputs, outputs):
        draw(name + ".weight", outputs, inputs, deviation=inputs**-0.5)
        draw(name + ".bias", outputs, deviation=0.2)

    for tower, shape in (("vision_model", IMAGE), ("text_model", TEXT)):
        width, inner = shape["width"], shape["inner"]
        for block in range(shape["depth"]):
            at = f"{tower}.encoder.layers.{block}."
            for part in "q", "k", "v", "out":
                dense(f"{at}self_attn.{part}_proj", width, width)
            dense(at + "mlp.fc1", width, inner)
            dense(at + "mlp.fc2", inner, width)
            norm(at + "layer_norm1", width)
            norm(at + "layer_norm2", width)
    width = IMAGE["width"]
    draw("vision_model.embeddings.class_embedding", width, deviation=0.5)
    draw("vision_model.embeddings.patch_embedding.weight", width, 3, PATCH, PATCH, deviation=0.1)
    draw("vision_model.embeddings.position_embedding.weight", GRID**2 + 1, width, deviation=0.5)
    norm("vision_model.pre_layrnorm", width)
    norm("vision_model.post_layernorm", width)
    draw("visual_projection.weight", PROJECTION, width, deviation=width**-0.5)
    width = TEXT["width"]
    draw("text_model.embeddings.token_embedding.weight", VOCABULARY, width, deviation=0.7)
    draw("text_model.embeddings.position_embedding.weight", POSITIONS, width, deviation=0.3)
    norm("text_model.final_layer_norm", width)
    draw("text_projection.weight", PROJECTION, width, deviation=width**-0.5)
    made["logit_scale"] = torch.tensor(LOGIT_SCALE)
    return made


def config():
    def tower(shape):
        return {
            "hidden_size": shape["width"],
            "intermediate_size": shape["inner"],
            "num_hidden_layers": shape["depth"],
            "num_attention_heads": shape["heads"],
            "hidden_act": "quick_gelu",
            "layer_norm_eps": EPSILON,
        }

    text = {"vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "eos_token_id": END}
    return {
        "model_type": "clip",
        "projection_dim": PROJECTION,
        "text_config": tower(TEXT) | text,
        "vision_config": tower(IMAGE) | {"image_size": SIDE, "patch_size": PATCH},
    }


class Seen:
    """What a pass leaves of a block: all of it with a gradient, if asked for."""

    def __init__(self, query, key, value, attention, attended):
        self.query, self.key, self.value = query, key, value
        self.attention, self.attended = attention, attended


class Tower:
    """One tower, from the input of a block on; `read` is the row that is read out."""

    def __init__(self, weights, name, shape, last_norm, projection, read, causal):
        self.weights, self.name, self.shape, self.read = weights, name, shape, read
        self.last_norm, self.projection, self.causal = last_norm, projection, causal
        self.depth = shape["depth"]

    def dense(self, name, x):
        return linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        w, b = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return layer_norm(x, x.shape[-1:], w, b, EPSILON)

    def attend(self, query, key, value, heads):
        batch, tokens, width = query.shape
        split = lambda x: x.view(batch, tokens, heads, width // heads).transpose(1, 2)
        logits = split(query) @ split(key).transpose(2, 3) / math.sqrt(width // heads)
        if self.causal:
            later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
            logits = logits.masked_fill(later, -math.inf)
        attention = logits.softmax(-1)
        return attention, (attention @ split(value)).transpose(1, 2).reshape(batch, tokens, width)

    def block(self, index, x, heads=None):
        at = f"{self.name}.encoder.layers.{index}."
        normed = self.norm(at + "layer_norm1", x)
        query, key, value = (self.dense(f"{at}self_attn.{part}_proj", normed) for part in "qkv")
        attention, attended = self.attend(query, key, value, heads or self.shape["heads"])
        x = x + self.dense(at + "self_attn.out_proj", attended)
        inner = self.dense(at + "mlp.fc1", self.norm(at + "layer_norm2", x))
        x = x + self.dense(at + "mlp.fc2", inner * torch.sigmoid(1.702 * inner))
        return x, Seen(query, key, value, attention, attended)

    def run(self, x, start=0, end=None):
        """The blocks `start..end`."""
        for index in range(start, self.depth if end is None else end):
            x, _ = self.block(index, x)
        return x

    def out(self, x):
        """The embedding of the last block's output."""
        row = self.norm(self.last_norm, x[:, self.read])
        return row @ self.weights[self.projection + ".weight"].T

    def encode(self, x, start=0):
        return self.out(self.run(x, start))


class Side:
    """One side of a pair: its tower, its input of block 0, and the other side's embedding."""

    def __init__(self, tower, embedded, inputs):
        self.tower, self.embedded, self.inputs = tower, embedded, inputs
        self.other = None
        # What counts against: embeddings with their weights.
        self.against = []

    def fit(self, embedding):
        """Cosine similarities, `[batch]`, less what counts against."""
        value = cosine_similarity(embedding, self.other)
        for rival, weight in self.against:
            value = value - weight * cosine_similarity(embedding, rival)
        return value

    def score(self, x, start=0):
        """What the embeddings of what is in front of block `start` are worth, `[batch]`."""
        return self.fit(self.tower.encode(x, start))

    def slope(self, x, start=0):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.score(x, start).sum(), x)[0]


def saliency(side):
    return side.slope(side.embedded)[0].norm(dim=-1)


def nib(side, block, steps):
    h = side.tower.run(side.embedded, 0, block).detach()
    slopes = [side.slope(h * i / steps, block) for i in range(1, steps + 1)]
    return (h * sum(slopes) / steps)[0].sum(-1)


def grad_cam(side, block, pooled):
    """At the input of a block."""
    h = side.tower.run(side.embedded, 0, block).detach()
    slope = side.slope(h, block)
    w = slope[:, side.inputs].mean(1, keepdim=True) if pooled else slope
    return (h * w)[0].sum(-1).relu()


def grad_eclip(side, blocks, one_head, scaled_over):
    """The last blocks' sums; the cosine is scaled to 0..1 over some rows."""
    tower = side.tower
    first = max(tower.depth - blocks, 0)
    x, seen = tower.run(side.embedded, 0, first).detach().requires_grad_(), []
    for index in range(first, tower.depth):
        x, of_block = tower.block(index, x, heads=1 if one_head else None)
        seen.append(of_block)
    score = cosine_similarity(tower.out(x), side.other)
    slopes = torch.autograd.grad(score.sum(), [block.attended for block in seen])
    heads = 1 if one_head else tower.shape["heads"]
    total = 0
    for block, slope in zip(seen, slopes):
        split = lambda x: x[0].reshape(x.shape[1], heads, -1)
        alike = cosine_similarity(split(block.query)[tower.read], split(block.key), dim=-1)
        low, high = alike[scaled_over].amin(0), alike[scaled_over].amax(0)
        alike = (alike - low) / (high - low)
        through = (split(slope)[tower.read] * split(block.value)).sum(-1)
        total = total + (through * alike).sum(-1)
    return total.detach().relu()


def attentions(side):
    x, found = side.embedded.detach().requires_grad_(), []
    for index in range(side.tower.depth):
        x, seen = side.tower.block(index, x)
        found.append(seen.attention)
    return found, cosine_similarity(side.tower.out(x), side.other)


def rollout(side):
    flow = torch.eye(side.embedded.shape[1], dtype=torch.double)
    for attention in attentions(side)[0]:
        mixed = attention[0].detach().mean(0) + torch.eye(len(flow), dtype=torch.double)
        flow = mixed / mixed.sum(-1, keepdim=True) @ flow
    return flow[side.tower.read]


def chefer(side, start):
    found, score = attentions(side)
    relevance = torch.eye(side.embedded.shape[1], dtype=torch.double)
    for attention in found[start:]:
        slope = torch.autograd.grad(score.sum(), attention, retain_graph=True)[0]
        of_heads = (slope * attention).detach()[0].clamp(min=0)
        relevance = relevance + of_heads.mean(0) @ relevance
    return relevance[side.tower.read]


def legrad(side, start, mean_pooled):
    """Each block alone: what its attention does for what would be read out behind it."""
    tower, total = side.tower, 0
    x = tower.run(side.embedded, 0, start).detach()
    tokens = x.shape[1]
    rows = list(range(tokens)) if mean_pooled else [tower.read]
    for index in range(start, tower.depth):
        x, seen = tower.block(index, x.detach().requires_grad_())
        row = tower.norm(tower.last_norm, x[:, rows].mean(1))
        score = side.fit(row @ tower.weights[tower.projection + ".weight"].T)
        slope = torch.autograd.grad(score.sum(), seen.attention)[0][0].relu()
        if tower.causal:
            slope = slope.tril()
        total = total + slope[:, rows].mean((0, 1))
    return total / (tower.depth - start)


def patch_text(side, alike, rest):
    """Tokens one by one, behind a last block whose attention is replaced; `rest` is what else of it stays."""
    tower = side.tower
    last = tower.depth - 1
    at = f"{tower.name}.encoder.layers.{last}."
    x = tower.run(side.embedded, 0, last).detach()
    _, seen = tower.block(last, x)
    attended = seen.value
    if alike:
        heads = tower.shape["heads"]
        by_query = tower.attend(seen.query, seen.query, seen.value, heads)[1]
        by_key = tower.attend(seen.key, seen.key, seen.value, heads)[1]
        attended = by_query + by_key
    rows = tower.dense(at + "self_attn.out_proj", attended)
    if rest != "none":
        rows = rows + x
    if rest == "all":
        inner = tower.dense(at + "mlp.fc1", tower.norm(at + "layer_norm2", rows))
        rows = rows + tower.dense(at + "mlp.fc2", inner * torch.sigmoid(1.702 * inner))
    rows = tower.norm(tower.last_norm, rows[0])
    return side.fit(rows @ tower.weights[tower.projection + ".weight"].T).detach()


def rivals(image, text, captions, count, by_score):
    """Those nearest to the image that do not say the same as the caption, with their shares.

    By score: those whose similarities are nearest to the caption's, with the shares that the model gives.
    """
    found = []
    for ids, embedding in captions:
        if ids != WORDS and (by_score or cosine_similarity(embedding, text) < 0.95):
            found.append((float(cosine_similarity(embedding, image)), embedding))
    own = float(cosine_similarity(text, image))
    found.sort(key=lambda one: abs(one[0] - own) if by_score else -one[0])
    found = found[:count]
    sharpness = math.exp(LOGIT_SCALE) if by_score else 10
    shares = torch.tensor([sharpness * cosine for cosine, _ in found], dtype=torch.double).softmax(0)
    return [(cosine, embedding, float(share)) for (cosine, embedding), share in zip(found, shares)]


def coiba(side, first, last, statistics, noise, settings):
    """One α for the inputs of the blocks `first` to `last`, which are masked on the way; to nats and λ.

    `noise` is of each layer, `[layers, steps, samples, tokens, width]`; `statistics` a mean and a
    deviation for each layer.
    """
    tower = side.tower
    h = tower.run(side.embedded, 0, first).detach()
    tokens, width = h.shape[1:]
    alpha = torch.full((tokens, settings["gates"]), 5.0, dtype=torch.double, requires_grad=True)
    adam = torch.optim.Adam([alpha], lr=settings["rate"])

    def worth(share, step):
        x = h
        for layer, block in enumerate(range(first, last + 1)):
            mean, deviation = statistics[layer]
            x = share * x + (1 - share) * (mean + deviation * noise[layer][step])
            x = tower.block(block, x)[0] if block < last else x
        return side.score(x, last).mean()

    steps = len(noise[0])
    for step in range(steps):
        share = alpha.sigmoid().repeat_interleave(width // settings["gates"], 1)
        mean, deviation = statistics[0]
        passed = share * (h[0] - mean) / deviation
        nats = 0.5 * (passed**2 + (1 - share) ** 2 - 1) - (1 - share).log()
        loss = settings["beta"] * nats.mean() - worth(share, step)
        if settings["gamma"]:
            loss = loss + settings["gamma"] * worth(1 - share, step)
        if step + 1 < steps:
            adam.zero_grad()
            loss.backward()
            adam.step()
    return nats.sum(-1).detach(), share.mean(-1).detach()


def shapley(count, value):
    """By the definition: `value` of a set of players."""
    values = {s: value(s) for r in range(count + 1) for s in itertools.combinations(range(count), r)}
    found = []
    for i in range(count):
        gain = 0.0
        for s, without in values.items():
            if i not in s:
                weight = math.factorial(len(s)) * math.factorial(count - len(s) - 1)
                joined = tuple(sorted((*s, i)))
                gain += weight / math.factorial(count) * (values[joined] - without)
        found.append(gain)
    return torch.tensor(found, dtype=torch.double)


def regression(coalitions, weights, value):
    """Weighted least squares with the sum as a constraint, by its Lagrange multiplier."""
    count = coalitions.shape[1]
    nobody, all_of_them = (value(torch.full((count,), kept)) for kept in (0.0, 1.0))
    gains = torch.stack([value(c) for c in coalitions]) - nobody
    system = torch.zeros(count + 1, count + 1, dtype=torch.double)
    system[:count, :count] = 2 * coalitions.T @ (weights[:, None] * coalitions)
    system[:count, count] = system[count, :count] = 1
    right = torch.cat([2 * coalitions.T @ (weights * gains), (all_of_them - nobody)[None]])
    return torch.linalg.solve(system, right)[:count]


def main():
    torch.manual_seed(SEED)
    single = weights()
    pixels = torch.randn(1, 3, SIDE, SIDE).float()
    (HERE / "model").mkdir(exist_ok=True)
    (HERE / "model" / "config.json").write_text(json.dumps(config(), indent=2) + "\n")
    save_file(single, HERE / "model" / "model.safetensors", {"format": "pt"})
    double = {name: tensor.double() for name, tensor in single.items()}
    ids = [START, *WORDS, END]
    maps = {"pixels": pixels, "ids": torch.tensor(ids)}

    def embed_pixels(pixels):
        at = "vision_model.embeddings."
        patches = conv2d(pixels, double[at + "patch_embedding.weight"], stride=PATCH).flatten(2)
        rows = double[at + "class_embedding"].expand(len(pixels), 1, -1)
        rows = torch.cat([rows, patches.transpose(1, 2)], 1)
        rows = rows + double[at + "position_embedding.weight"]
        return image_tower.norm("vision_model.pre_layrnorm", rows)

    table = double["text_model.embeddings.token_embedding.weight"]
    positions = double["text_model.embeddings.position_embedding.weight"]

    def embed_words(words):
        """Of token embeddings, `[batch, tokens, width]`."""
        return words + positions[: words.shape[1]]

    last_norm, projection = "vision_model.post_layernorm", "visual_projection"
    image_tower = Tower(double, "vision_model", IMAGE, last_norm, projection, 0, False)
    last_norm, projection = "text_model.final_layer_norm", "text_projection"
    end = len(ids) - 1
    text_tower = Tower(double, "text_model", TEXT, last_norm, projection, end, True)
    pixels, words = pixels.double(), table[ids][None]
    image = Side(image_tower, embed_pixels(pixels), list(range(1, GRID**2 + 1)))
    text = Side(text_tower, embed_words(words), list(range(1, end)))
    image.other = text_tower.encode(text.embedded).detach()
    text.other = image_tower.encode(image.embedded).detach()
    maps["similarity"] = image.score(image.embedded)

    def put(name, of_side, tokens):
        """A map over the image's patches, or over all tokens of the caption."""
        side, tokens = of_side, tokens.detach()
        if side is image:
            tokens = tokens[1:] if len(tokens) == GRID**2 + 1 else tokens
            maps[name + "/image"] = tokens.reshape(GRID, GRID)
        else:
            maps[name + "/text"] = tokens[: len(ids)]

    for side in image, text:
        depth = side.tower.depth
        put("saliency", side, saliency(side))
        put("nib", side, nib(side, depth - 3, 10))
        put("nib:block=1:steps=25", side, nib(side, 1, 25))
        put("grad-cam", side, grad_cam(side, depth - 1, True))
        # Not element-wise at the default layer, the last block's input: what is not read out passes
        # a layer norm there, and growing in proportion changes nothing but by the norm's epsilon.
        put("grad-cam:layer=embedding", side, grad_cam(side, 0, True))
        put("grad-cam:form=elementwise:layer=block.0", side, grad_cam(side, 1, False))
        put("rollout", side, rollout(side))
        put("chefer", side, chefer(side, depth - 1))
        put("chefer:start=0", side, chefer(side, 0))
        blocks, rows = (1, side.inputs) if side is image else (8, list(range(len(ids))))
        put("grad-eclip", side, grad_eclip(side, blocks, False, rows))
        put("grad-eclip:heads=one", side, grad_eclip(side, blocks, True, rows))
        put("legrad", side, legrad(side, 0, False))
        put("legrad:start=1:pool=mean", side, legrad(side, 1, True))
        put("maskclip", side, patch_text(side, False, "none"))
        put("maskclip:rest=all", side, patch_text(side, False, "all"))
        put("sclip", side, patch_text(side, True, "residual"))
        put("sclip:rest=none", side, patch_text(side, True, "none"))
        put("sclip:rest=all", side, patch_text(side, True, "all"))

    # Instead of others: the caption's rivals count against the image; of the image, what they say of it
    # counts against the caption.
    captions = []
    for of_bank in BANK:
        embedded = embed_words(table[[START, *of_bank, END]][None])
        tower = Tower(double, "text_model", TEXT, last_norm, projection, len(of_bank) + 1, True)
        captions.append((of_bank, tower.encode(embedded).detach()))
    (HERE / "bank.txt").write_text(
        "".join(" ".join(f"w{word}" for word in words) + "\n" for words in BANK)
    )
    for name, count, by_score, kappa in (
        ("", 3, False, 1.0),
        (":rivals=2:kappa=0.5", 2, False, 0.5),
        (":choice=score", 3, True, 1.0),
    ):
        found = rivals(text.other, image.other, captions, count, by_score)
        image.against = [(embedding, kappa * share) for _, embedding, share in found]
        text.against = [(embedding, kappa * share * cosine) for cosine, embedding, share in found]
        for side in image, text:
            put("finer-cam" + name, side, grad_cam(side, side.tower.depth - 1, True))
            early = grad_cam(side, 1, False)
            put(f"finer-cam{name}:form=elementwise:layer=block.0", side, early)
            side.against = []

    # As the authors' program has captions: filled up with 0, and scaled over all of that.
    filled = table[ids + [0] * (POSITIONS - len(ids))][None]
    filled = Side(text_tower, embed_words(filled), text.inputs)
    filled.other = text.other
    for one_head, name in ((False, "grad-eclip:pad=0"), (True, "grad-eclip:heads=one:pad=0")):
        put(name, filled, grad_eclip(filled, 8, one_head, list(range(POSITIONS))))

    # From the mean colour and from zeros in the words' places, at the midpoints of equal parts.
    steps, points = 16, [(i + 0.5) / 16 for i in range(16)]
    x = torch.cat([pixels * point for point in points]).requires_grad_()
    slope = torch.autograd.grad(image.score(embed_pixels(x)).sum(), x)[0].mean(0)
    parts = (pixels[0] * slope).sum(0).reshape(GRID, PATCH, GRID, PATCH).sum((1, 3))
    put(f"integrated-gradients:steps={steps}", image, parts.flatten())
    inner = torch.zeros(len(ids), 1, dtype=torch.double)
    inner[1:end] = 1
    x = torch.cat([words * (1 - inner) + words * inner * point for point in points])
    x = x.requires_grad_()
    slope = torch.autograd.grad(text.score(embed_words(x)).sum(), x)[0].mean(0)
    put(f"integrated-gradients:steps={steps}", text, (words[0] * inner * slope).sum(-1))

    def of_pixels(mask):
        """The score under a mask, `[height, width]`."""
        return image.score(embed_pixels(pixels * mask))[0].detach()

    def of_patches(kept, group=1):
        """The score with some groups of patches kept."""
        side = GRID // group
        kept = kept.double().reshape(side, side)
        return of_pixels(kept.repeat_interleave(SIDE // side, 0).repeat_interleave(SIDE // side, 1))

    def of_words(kept, fill=None):
        """The score with some of the inner words kept."""
        mask = torch.ones(len(ids), 1, dtype=torch.double)
        mask[1:end, 0] = kept.double()
        fill = torch.zeros_like(table[0]) if fill is None else fill
        return text.score(embed_words(words * mask + fill * (1 - mask)))[0].detach()

    def all_tokens(inner):
        """Zeros for start and end."""
        return torch.cat([torch.zeros(1), inner, torch.zeros(1)])

    def without(count, index):
        kept = torch.ones(count)
        kept[index] = 0
        return kept

    whole = maps["similarity"][0].detach()
    drops = [whole - of_patches(without(GRID**2, patch)) for patch in range(GRID**2)]
    put("occlusion", image, torch.stack(drops))
    sums, counts = torch.zeros(2, GRID, GRID, dtype=torch.double)
    for top, left in itertools.product(range(GRID - 1), repeat=2):
        kept = torch.ones(GRID, GRID)
        kept[top : top + 2, left : left + 2] = 0
        sums[top : top + 2, left : left + 2] += whole - of_patches(kept)
        counts[top : top + 2, left : left + 2] += 1
    put("occlusion:window=2", image, (sums / counts).flatten())
    for name, fill in ("", None), (":fill=mean", table.mean(0)), (":fill=3", table[3]):
        drops = [whole - of_words(without(len(WORDS), word), fill) for word in range(len(WORDS))]
        put("occlusion" + name, text, all_tokens(torch.stack(drops)))

    def players(count, value):
        return lambda s: float(value(torch.tensor([float(i in s) for i in range(count)])))

    found = shapley(4, players(4, lambda kept: of_patches(kept, 2)))
    found = (found / 4).reshape(2, 2).repeat_interleave(2, 0).repeat_interleave(2, 1)
    put("kernel-shap:group=2", image, found.flatten())
    put("kernel-shap", text, all_tokens(shapley(len(WORDS), players(len(WORDS), of_words))))

    every = [torch.tensor(kept, dtype=torch.double) for kept in itertools.product((0, 1), repeat=5)]
    for name, keep in ("rise", 0.5), ("rise:keep=0.25", 0.25):
        chances = [math.prod(keep if kept else 1 - keep for kept in mask) for mask in every]
        found = sum(chance * of_words(mask) * mask for chance, mask in zip(chances, every)) / keep
        put(name, text, all_tokens(found))

    # What is drawn, drawn here: masks for RISE, coalitions with weights for KernelSHAP.
    masks = torch.rand(10, SIDE, SIDE).float()
    scores = torch.stack([of_pixels(mask.double()) for mask in masks])
    mean = (scores[:, None, None] * masks.double()).sum(0) / (len(masks) * 0.5)
    parts = mean.reshape(GRID, PATCH, GRID, PATCH).mean((1, 3))
    maps["given/rise/image/masks"] = masks
    put("given/rise", image, parts.flatten())
    masks = torch.rand(9, len(WORDS)) < 0.5
    scores = torch.stack([of_words(mask) for mask in masks])
    maps["given/rise/text/masks"] = masks.float()
    put("given/rise", text, all_tokens((scores[:, None] * masks).sum(0) / (len(masks) * 0.5)))
    for side, players, count, value in (image, 16, 60, of_patches), (text, 5, 20, of_words):
        coalitions = (torch.rand(count, players) < 0.5).double()
        counts = 1 + 3 * torch.rand(count).float()
        found = regression(coalitions, counts.double(), value)
        name = "image" if side is image else "text"
        maps[f"given/kernel-shap/{name}/coalitions"] = coalitions
        maps[f"given/kernel-shap/{name}/weights"] = counts
        put("given/kernel-shap", side, found if side is image else all_tokens(found))

    # With the statistics of nothing in particular, and noise drawn here.
    one_side = dict(beta=0.1, gamma=0.0, gates=1, rate=1.0)
    for side, name, layers in (image, "image", (1, 2)), (text, "text", (3, 8)):
        two_sides = dict(beta=0.02, gamma=0.5, gates=8, rate=2.0)
        for setting, (first, last), settings in (
            ("one", layers, one_side),
            ("two", (0, 1), two_sides),
        ):
            tokens, width = side.embedded.shape[1:]
            count = last - first + 1
            mean, deviation = 0.3 * torch.randn(count, width), 0.5 + torch.rand(count, width)
            noise = torch.randn(count, 4, 3, tokens, width).float()
            at = f"given/coiba/{setting}/{name}"
            maps |= {at + "/mean": mean.float(), at + "/deviation": deviation.float()}
            maps[at + "/noise"] = noise
            statistics = list(zip(mean.float().double(), deviation.float().double()))
            nats, share = coiba(side, first, last, statistics, noise.double(), settings)
            put(f"given/coiba/{setting}", side, nats if setting == "one" else share)

    def as_stored(tensor):
        return tensor if tensor.dtype == torch.int64 else tensor.detach().float().contiguous()

    save_file({name: as_stored(tensor) for name, tensor in maps.items()}, HERE / "maps.safetensors")
    for name, tensor in maps.items():
        if tensor.dim() and tensor.numel() <= 16:
            print(name, [round(float(x), 4) for x in tensor.flatten()])


if __name__ == "__main__":
    main()
