"""The bottleneck with few gates and two sides, stated in plain PyTorch.

Written from the formulas at the head of crates/m2ib-core/src/objective.rs, with PyTorch's own
Gaussian divergence, gradients and Adam, in double precision. The model and its inputs are those of
tiny-matched:

    pip install torch safetensors numpy
    python two_sided.py

writes tiny-two-sided/ and tiny-few-gates/.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cosine_similarity, interpolate, layer_norm, linear

HERE = Path(__file__).parent
SOURCE = HERE / "tiny-matched"
CONFIG = json.loads((SOURCE / "model/config.json").read_text())
WEIGHTS = {name: value.double() for name, value in load_file(SOURCE / "model/model.safetensors").items()}
GIVEN = load_file(SOURCE / "case.safetensors")

CASES = {
    "tiny-two-sided": {
        "image": dict(layer=1, beta=1.0, gamma=1.0, gates=8, start=2.0, quantity="mean_share"),
        "text": dict(layer=-1, beta="0.1..10", gamma=0.5, gates="token", start=2.0, quantity="share"),
    },
    "tiny-few-gates": {
        "image": dict(layer=2, beta=0.5, gamma=0.0, gates="token", start=2.0, quantity="nats"),
        "text": dict(layer=-1, beta=1.0, gamma=1.0, gates="unit", start=5.0, quantity="nats"),
    },
}
COMMON = dict(sigma=None, learning_rate=1.0, steps=6, samples=2)


def dense(name, x):
    return linear(x, WEIGHTS[name + ".weight"], WEIGHTS.get(name + ".bias"))


def norm(name, x):
    weight = WEIGHTS[name + ".weight"]
    return layer_norm(x, weight.shape, weight, WEIGHTS[name + ".bias"], 1e-5)


class Tower:
    """One of the two, cut at a layer: `hidden` up to it, `read` from it on."""

    def __init__(self, name, config, mask):
        self.name, self.mask = name, mask
        self.heads, self.depth = config["num_attention_heads"], config["num_hidden_layers"]

    def block(self, index, x):
        at = f"{self.name}.encoder.layers.{index}."
        y = norm(at + "layer_norm1", x)
        split = lambda part: dense(f"{at}self_attn.{part}_proj", y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = map(split, "qkv")
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.mask is not None:
            scores = scores + self.mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + dense(at + "self_attn.out_proj", mixed)
        y = dense(at + "mlp.fc1", norm(at + "layer_norm2", x))
        return x + dense(at + "mlp.fc2", y * torch.sigmoid(1.702 * y))

    def blocks(self, first, last, x):
        for index in range(first, last):
            x = self.block(index, x)
        return x


def image_tower():
    tower = Tower("vision_model", CONFIG["vision_config"], None)
    at = "vision_model.embeddings."
    patch = CONFIG["vision_config"]["patch_size"]
    kernel = WEIGHTS[at + "patch_embedding.weight"]
    pixels = GIVEN["pixel_values"].double()
    patches = torch.nn.functional.conv2d(pixels, kernel, stride=patch).flatten(2).transpose(1, 2)
    x = torch.cat([WEIGHTS[at + "class_embedding"].reshape(1, 1, -1), patches], 1)
    x = norm("vision_model.pre_layrnorm", x + WEIGHTS[at + "position_embedding.weight"])
    read = lambda x: dense("visual_projection", norm("vision_model.post_layernorm", x[:, 0]))
    return tower, x, read


def text_tower():
    ids = GIVEN["input_ids"]
    count = ids.shape[1]
    above = torch.full((count, count), -torch.inf, dtype=torch.float64).triu(1)
    tower = Tower("text_model", CONFIG["text_config"], above)
    at = "text_model.embeddings."
    x = WEIGHTS[at + "token_embedding.weight"][ids] + WEIGHTS[at + "position_embedding.weight"][:count]
    end = (ids[0] == CONFIG["text_config"]["eos_token_id"]).nonzero()[0, 0]
    read = lambda x: dense("text_projection", norm("text_model.final_layer_norm", x)[:, end])
    return tower, x, read


def betas(beta, steps):
    first, last = map(float, beta.split("..")) if isinstance(beta, str) else (beta, beta)
    return [first * (last / first) ** (step / (steps - 1)) for step in range(steps)]


def bottleneck(settings, hidden, rest, target, mean, std, noise):
    """Minimises the loss; what is found at every evaluation, the last gates and capacities."""
    _, tokens, width = hidden.shape
    gates = {"unit": width, "token": 1}.get(settings["gates"], settings["gates"])
    alpha = torch.full((tokens, gates), settings["start"], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([alpha], lr=settings["learning_rate"])
    steps, gamma = settings["steps"], settings["gamma"]
    losses, withheld_fits, shares = [], [], []
    for step, beta in enumerate(betas(settings["beta"], steps)):
        passes = torch.sigmoid(alpha).repeat_interleave(width // gates, 1)
        filler = mean + std * noise[step].double()
        fit = lambda share: cosine_similarity(rest(share * hidden + (1 - share) * filler), target).mean()
        law = Normal(passes * hidden[0] + (1 - passes) * mean, (1 - passes) * std)
        capacity = kl_divergence(law, Normal(mean, std))
        kept, dropped = fit(passes), fit(1 - passes)
        total = beta * capacity.mean() - kept + gamma * dropped
        losses.append([capacity.mean().item(), kept.item(), total.item()])
        withheld_fits.append(dropped.item())
        shares.append(passes.mean(1).detach())
        if step + 1 < steps:
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
    saliency = {
        "nats": capacity.sum(1).detach(),
        "share": shares[-1],
        "mean_share": torch.stack(shares[1:]).mean(0),
    }[settings["quantity"]]
    found = {"losses": torch.tensor(losses), "alpha": alpha.detach(), "capacity": capacity.detach()}
    if gamma > 0:
        found["withheld_fits"] = torch.tensor(withheld_fits)
    return found, saliency


def scaled(x):
    return (x - x.min()) / (x.max() - x.min())


def write(name, sides):
    torch.manual_seed(sum(map(ord, name)))
    tensors = {key: GIVEN[key] for key in ("pixel_values", "input_ids")}
    towers = {"image": image_tower(), "text": text_tower()}
    whole = {side: read(tower.blocks(0, tower.depth, x)) for side, (tower, x, read) in towers.items()}
    for side, other in (("image", "text"), ("text", "image")):
        settings = sides[side] = COMMON | sides[side]
        tower, x, read = towers[side]
        hidden = tower.blocks(0, settings["layer"] + 1, x)
        rest = lambda z: read(tower.blocks(settings["layer"] + 1, tower.depth, z))
        mean, std = (hidden[0].mean(0) * 0.5, hidden[0].std(0) * 1.1)
        # As the file has them.
        mean, std = mean.float().double(), std.float().double()
        noise = torch.randn(settings["steps"], settings["samples"], *hidden.shape[1:])
        found, saliency = bottleneck(settings, hidden, rest, whole[other], mean, std, noise)
        tensors |= {f"noise_model.{side}.mean": mean, f"noise_model.{side}.std": std, f"noise.{side}": noise}
        tensors |= {f"expected.{side}.{key}": value for key, value in found.items()}
        tensors[f"expected.{side}_embeds"] = whole[side]
        if side == "image":
            grid = int((hidden.shape[1] - 1) ** 0.5)
            size = CONFIG["vision_config"]["image_size"]
            tensors["expected.image.saliency"] = saliency[1:]
            large = interpolate(saliency[1:].reshape(1, 1, grid, grid), size, mode="bilinear")
            tensors["expected.image.heatmap"] = scaled(large[0, 0])
        else:
            tensors["expected.text.saliency"] = saliency
            tensors["expected.text.scores"] = scaled(saliency)
    single = lambda x: (x.float() if x.is_floating_point() else x).contiguous().clone()
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_file({key: single(value) for key, value in tensors.items()}, folder / "case.safetensors")
    text = json.dumps({"model": "../tiny-matched/model"} | sides, indent=1)
    (folder / "case.json").write_text(text + "\n")


for name, sides in CASES.items():
    write(name, sides)
