"""What methods that read attention say of a model with attention pooling, by transformers' own SigLIP.

    pip install torch==2.9.0 transformers==4.57.1
    python map_pooling.py

writes map_pooling.safetensors: maps of the pair of `../families/siglip`, over the image's patches under
METHOD/image and over all tokens of the caption under METHOD/text. The library computes everything up to the
pooling; that is stated here once more, so that its attention has a gradient. The first block of the image and
of the caption is left out where a method starts at the last. Double precision throughout.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cosine_similarity
from transformers import SiglipModel

HERE = Path(__file__).parent
CASE = HERE.parent / "families" / "siglip"


class Pair:
    def __init__(self, folder, pixels, ids):
        model = SiglipModel.from_pretrained(folder, attn_implementation="eager").double().eval()
        self.vision, self.text = model.vision_model, model.text_model
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self.pixels, self.ids = pixels.double().requires_grad_(), ids
        self.seen = []
        for tower in self.vision, self.text:
            for layer in tower.encoder.layers:
                layer.self_attn.register_forward_hook(lambda *it: self.seen.append(it[-1][1]))
        # What the library's own forward says, to hold the pooling below against.
        self.image_embedding = self.vision(self.pixels.detach()).pooler_output
        self.text_embedding = self.text(ids).pooler_output

    def image(self):
        """Attentions of the blocks and of the pooling, what the pooling looks at, and the score."""
        self.seen.clear()
        x = self.vision(self.pixels).last_hidden_state
        head = self.vision.head
        pool, (_, tokens, width) = head.attention, x.shape
        heads = pool.num_heads
        weights, biases = pool.in_proj_weight.chunk(3), pool.in_proj_bias.chunk(3)
        split = lambda x: x.view(-1, heads, width // heads).transpose(0, 1)
        query, key, value = (
            split(of[0] @ w.T + b) for of, w, b in zip([head.probe, x, x], weights, biases)
        )
        attention = (query @ key.transpose(1, 2) / (width // heads) ** 0.5).softmax(-1)
        attended = (attention @ value).transpose(0, 1).reshape(1, 1, width)
        pooled = pool.out_proj(attended)
        pooled = (pooled + head.mlp(head.layernorm(pooled)))[:, 0]
        assert torch.allclose(pooled, self.image_embedding, atol=1e-9)
        score = cosine_similarity(pooled, self.text_embedding)
        return list(self.seen), attention, (query, key, value, attended), score

    def words(self):
        words = self.text.embeddings.token_embedding(self.ids).detach().requires_grad_()
        self.seen.clear()
        placed = words + self.text.embeddings.position_embedding.weight[: self.ids.shape[1]]
        x = self.text.encoder(inputs_embeds=placed).last_hidden_state
        embedding = self.text.head(self.text.final_layer_norm(x)[:, -1])
        assert torch.allclose(embedding, self.text_embedding, atol=1e-9)
        return list(self.seen), cosine_similarity(embedding, self.image_embedding)


def relevant(score, attention):
    """Mean over heads of what of an attention speaks for the pair, `[rows, tokens]`."""
    slope = torch.autograd.grad(score.sum(), attention, retain_graph=True)[0]
    joint = (slope * attention).clamp(min=0)
    return joint.mean(-3).reshape(joint.shape[-2:])


def chefer(pair, start):
    of_image, pooling, _, score = pair.image()
    maps = {}
    start = len(of_image) - 1 if start is None else start
    relevance = torch.eye(pooling.shape[-1], dtype=torch.double)
    for attention in of_image[start:]:
        relevance = relevance + relevant(score, attention) @ relevance
    maps["image"] = (relevant(score, pooling) @ relevance)[0]
    of_text, score = pair.words()
    relevance = torch.eye(of_text[0].shape[-1], dtype=torch.double)
    for attention in of_text[min(start, len(of_text) - 1) :]:
        relevance = relevance + relevant(score, attention) @ relevance
    maps["text"] = relevance[-1]
    return maps


def rollout(pair):
    of_image, pooling, _, _ = pair.image()
    flow = torch.eye(pooling.shape[-1], dtype=torch.double)
    for attention in of_image:
        flow = (attention[0].mean(0) + torch.eye(len(flow))) / 2 @ flow
    return {"image": (pooling.mean(0) @ flow)[0]}


def grad_eclip(pair):
    _, _, (query, key, value, attended), score = pair.image()
    slope = torch.autograd.grad(score.sum(), attended)[0]
    heads, _, width = query.shape
    slope = slope.view(heads, 1, width)
    alike = cosine_similarity(query, key, dim=-1)
    low, high = alike.amin(1, keepdim=True), alike.amax(1, keepdim=True)
    alike = (alike - low) / (high - low)
    return {"image": ((slope * value).sum(-1) * alike).sum(0).relu()}


def pooled_by_hand(head, x):
    """What the pooling makes of rows, and its attention."""
    pool, (_, tokens, width) = head.attention, x.shape
    heads = pool.num_heads
    weights, biases = pool.in_proj_weight.chunk(3), pool.in_proj_bias.chunk(3)
    split = lambda x: x.view(-1, heads, width // heads).transpose(0, 1)
    query, key, value = (
        split(of[0] @ w.T + b) for of, w, b in zip([head.probe, x, x], weights, biases)
    )
    attention = (query @ key.transpose(1, 2) / (width // heads) ** 0.5).softmax(-1)
    pooled = pool.out_proj((attention @ value).transpose(0, 1).reshape(1, 1, width))
    return (pooled + head.mlp(head.layernorm(pooled)))[:, 0], attention


def states_of(pair):
    """Inputs of all blocks and the output of the last, of the image and of the caption."""
    found = []
    for tower, of in (pair.vision, pair.pixels.detach()), (pair.text, pair.ids):
        states = [tower.embeddings(of).detach()]
        for block in tower.encoder.layers:
            states.append(run(block, states[-1]).detach())
        found.append(states)
    return found


def run(block, x):
    x = block(x, None)
    return x[0] if isinstance(x, tuple) else x


def legrad(pair, start):
    """What is read out behind each block: by the pooling of the image, at the caption's last token."""
    total, blocks = 0, pair.vision.encoder.layers
    states, of_text = states_of(pair)
    for index in range(start, len(blocks)):
        x = pair.vision.post_layernorm(states[index + 1]).requires_grad_()
        pooled, attention = pooled_by_hand(pair.vision.head, x)
        score = cosine_similarity(pooled, pair.text_embedding)
        slope = torch.autograd.grad(score.sum(), attention)[0]
        total = total + slope.relu().mean(0)[0]
    maps = {"image": total / (len(blocks) - start)}

    total, blocks = 0, pair.text.encoder.layers
    for index in range(start, len(blocks)):
        pair.seen.clear()
        x = run(blocks[index], of_text[index].requires_grad_())
        embedding = pair.text.head(pair.text.final_layer_norm(x)[:, -1])
        score = cosine_similarity(embedding, pair.image_embedding)
        slope = torch.autograd.grad(score.sum(), pair.seen[-1])[0]
        total = total + slope.relu()[0].mean(0)[-1]
    maps["text"] = total / (len(blocks) - start)
    return maps


def behind_replaced(block, x, alike, rest):
    """The last block's output with each token's own value in the place of attention, or those like it."""
    normed, own = block.layer_norm1(x), block.self_attn
    _, tokens, width = x.shape
    heads = own.num_heads
    split = lambda x: x.view(tokens, heads, width // heads).transpose(0, 1)
    query, key, value = (
        split(project(normed)[0]) for project in (own.q_proj, own.k_proj, own.v_proj)
    )
    if alike:
        shares = lambda x: (x @ x.transpose(1, 2) / (width // heads) ** 0.5).softmax(-1)
        value = (shares(query) + shares(key)) @ value
    rows = own.out_proj(value.transpose(0, 1).reshape(1, tokens, width))
    return rows + x if rest == "residual" else rows


def patch_text(pair, alike):
    """Rows one by one. The image's last attention is the pooling's: its values are read alone."""
    vision, text = pair.vision, pair.text
    (*_, x, behind), (*_, of_text, _) = states_of(pair)
    rest = "residual" if alike else "none"
    if alike:
        behind = behind_replaced(vision.encoder.layers[-1], x, True, rest)
    rows = vision.post_layernorm(behind)[0]
    each = torch.cat([pooled_by_hand(vision.head, row[None, None])[0] for row in rows])
    maps = {"image": cosine_similarity(each, pair.text_embedding)}
    behind = behind_replaced(text.encoder.layers[-1], of_text, alike, rest)
    each = text.head(text.final_layer_norm(behind)[0])
    maps["text"] = cosine_similarity(each, pair.image_embedding)
    return maps


def maps(pair):
    found = {"chefer": chefer(pair, None), "chefer:start=0": chefer(pair, 0)}
    found |= {"rollout": rollout(pair), "grad-eclip": grad_eclip(pair)}
    found |= {"legrad": legrad(pair, 0), "legrad:start=1": legrad(pair, 1)}
    found |= {"maskclip": patch_text(pair, False), "sclip": patch_text(pair, True)}
    return {
        f"{name}/{side}": tokens.detach().float().contiguous()
        for name, sides in found.items()
        for side, tokens in sides.items()
    }


if __name__ == "__main__":
    case = load_file(CASE / "case.safetensors")
    pair = Pair(CASE / "model", case["pixel_values"], case["input_ids"])
    save_file(maps(pair), HERE / "map_pooling.safetensors")
