"""Times the method in PyTorch against m2ib, on this machine, in turns.

Statements of the same mathematics (isotropic noise, block 9 of 12, beta 0.1, 10 steps of 10
samples, both modalities) on a ViT-B/32 with random weights:

- "plain": structured as the method's released program is. Every step sends the batch of copies
  through both towers whole, and gradients are made for every weight.
- "cached": the obvious waste removed. Weights are frozen, everything before the mask and the other
  modality's embedding are computed once, attention is fused. Like the first, it computes the last
  block for every token, and an update after the last evaluation.
- "pooled": as m2ib leaves out what nobody reads: the last block's queries, output and inner layer
  are computed for the pooled token alone, and the last evaluation has no gradient.
- "pooled, bfloat16": the same under autocast.

    python3 -m venv venv && venv/bin/pip install torch==2.9.0 transformers==4.57.1
    cargo build --release -p m2ib-benches
    venv/bin/python benches/compare/pytorch.py
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

import torch
from torch.nn.functional import cosine_similarity, softplus
from transformers import CLIPConfig, CLIPModel

STEPS, SAMPLES, BETA, LAYER = 10, 10, 0.1, 9
# A caption of 12 tokens, start and end included; which ones does not matter.
IDS = torch.tensor([[49406, *range(1000, 1010), 49407]])


class Mask(torch.nn.Module):
    """z = lambda h + (1 - lambda) noise, with lambda = sigmoid(alpha)."""

    def __init__(self, latent):
        super().__init__()
        self.alpha = torch.nn.Parameter(torch.full_like(latent, 5.0))

    def forward(self, latent):
        passed = torch.sigmoid(self.alpha)
        return passed * latent + (1 - passed) * torch.randn_like(latent)

    def capacity(self, latent):
        passed = torch.sigmoid(self.alpha)
        return 0.5 * ((passed * latent) ** 2 + (1 - passed) ** 2 - 1) + softplus(self.alpha)


def solve(latent, embeddings_of, last_update=True):
    """The optimisation; `embeddings_of(mask)` gives the masked embeddings and their targets."""
    mask = Mask(latent)
    adam = torch.optim.Adam([mask.alpha], lr=1.0)
    for step in range(STEPS):
        if step == STEPS - 1 and not last_update:
            with torch.no_grad():
                embeddings_of(mask)
                return mask.capacity(latent).sum(-1)
        adam.zero_grad()
        masked, target = embeddings_of(mask)
        capacity = mask.capacity(latent)
        (BETA * capacity.mean() - cosine_similarity(masked, target).mean()).backward()
        adam.step()
    return capacity.detach().sum(-1)


def plain(model, pixels, ids):
    """Both towers whole, all weights with gradients, at every step."""
    copies = pixels.expand(SAMPLES, -1, -1, -1), ids.expand(SAMPLES, -1)
    maps = []
    for tower in (model.vision_model, model.text_model):
        block = tower.encoder.layers[LAYER]
        caught = []
        handle = block.register_forward_hook(lambda _, __, out: caught.append(out[0]))
        with torch.no_grad():
            model.get_image_features(pixels), model.get_text_features(ids)
        handle.remove()
        latent = caught[0][:1]

        def embeddings_of(mask):
            hook = lambda _, __, out: (mask(out[0]), *out[1:])
            handle = block.register_forward_hook(hook)
            model.zero_grad()
            image = model.get_image_features(copies[0])
            text = model.get_text_features(copies[1])
            handle.remove()
            return (image, text) if tower is model.vision_model else (text, image)

        maps.append(solve(latent, embeddings_of))
    return maps


def pooled_row(block, x, row):
    """A block's output at one row: the whole of it goes into keys and values only."""
    attention = block.self_attn
    normed = block.layer_norm1(x)
    split = lambda y: y.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
    query = split(attention.q_proj(normed[:, row : row + 1] if row >= 0 else normed[:, row:]))
    key, value = split(attention.k_proj(normed)), split(attention.v_proj(normed))
    # The class token and the last token see everything: no mask.
    seen = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    y = x[:, row] + attention.out_proj(seen.transpose(1, 2).flatten(-2))[:, 0]
    return y + block.mlp(block.layer_norm2(y))


def cached(model, pixels, ids, pooled=False):
    """Frozen weights; the blocks behind the mask alone, at every step."""
    with torch.no_grad():
        image = model.vision_model(pixels, output_hidden_states=True)
        text = model.text_model(ids, output_hidden_states=True)
        image_embedding = model.visual_projection(image.pooler_output)
        text_embedding = model.text_projection(text.pooler_output)
    tokens = ids.shape[1]
    causal = torch.full((tokens, tokens), float("-inf")).triu(1)[None, None]

    def image_embeddings(mask):
        x = mask(image.hidden_states[LAYER + 1].expand(SAMPLES, -1, -1))
        *blocks, last = model.vision_model.encoder.layers[LAYER + 1 :]
        for block in blocks:
            x = block(x, None, None)[0]
        x = pooled_row(last, x, 0) if pooled else last(x, None, None)[0][:, 0]
        x = model.vision_model.post_layernorm(x)
        return model.visual_projection(x), text_embedding

    def text_embeddings(mask):
        x = mask(text.hidden_states[LAYER + 1].expand(SAMPLES, -1, -1))
        *blocks, last = model.text_model.encoder.layers[LAYER + 1 :]
        for block in blocks:
            x = block(x, None, causal)[0]
        x = pooled_row(last, x, -1) if pooled else last(x, None, causal)[0][:, -1]
        x = model.text_model.final_layer_norm(x)
        return model.text_projection(x), image_embedding

    return [
        solve(image.hidden_states[LAYER + 1], image_embeddings, not pooled),
        solve(text.hidden_states[LAYER + 1], text_embeddings, not pooled),
    ]


def halved(run):
    """Matrix products in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return run()


def agree(model, pixels, ids):
    """That the pooled row is what the whole block has there."""
    with torch.no_grad():
        for tower, row in ((model.vision_model, 0), (model.text_model, -1)):
            last = tower.encoder.layers[-1]
            tokens = 50 if tower is model.vision_model else ids.shape[1]
            x = torch.randn(2, tokens, last.layer_norm1.normalized_shape[0])
            causal = torch.full((tokens, tokens), float("-inf")).triu(1)[None, None]
            mask = None if tower is model.vision_model else causal
            whole = last(x, None, mask)[0][:, row]
            assert torch.allclose(pooled_row(last, x, row), whole, atol=1e-4)


class Ours:
    """The m2ib program, which answers each line with the seconds a pair took."""

    def __init__(self, threads):
        root = Path(__file__).resolve().parents[2]
        program = root / "target" / "release" / "costs"
        if not program.exists():
            raise SystemExit(f"{program} is missing: cargo build --release -p m2ib-benches")
        self.process = subprocess.Popen(
            [program, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, RAYON_NUM_THREADS=str(threads)),
        )

    def __call__(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plain-rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    config = CLIPConfig()
    models = {}
    for attention in ("eager", "sdpa"):
        models[attention] = CLIPModel._from_config(config, attn_implementation=attention).eval()
    models["sdpa"].requires_grad_(False)
    pixels = torch.randn(1, 3, 224, 224)

    ours = Ours(options.threads)
    ways = {
        "m2ib": ours,
        "PyTorch, cached": lambda: timed(lambda: cached(models["sdpa"], pixels, IDS)),
        "PyTorch, pooled": lambda: timed(lambda: cached(models["sdpa"], pixels, IDS, True)),
        "PyTorch, pooled, bfloat16": lambda: timed(
            lambda: halved(lambda: cached(models["sdpa"], pixels, IDS, True))
        ),
        "PyTorch, plain": lambda: timed(lambda: plain(models["eager"], pixels, IDS)),
    }
    agree(models["sdpa"], pixels, IDS)
    for name in ways:
        if name != "PyTorch, plain":
            ways[name]()
    seconds = {name: [] for name in ways}
    for turn in range(options.rounds):
        for name, run in ways.items():
            if name != "PyTorch, plain" or turn < options.plain_rounds:
                # A thread pool spins for a while after its last task and would slow the next one.
                time.sleep(1)
                seconds[name].append(run())

    print(f"threads {options.threads}, load {os.getloadavg()[0]:.2f}, torch {torch.__version__}")
    print("| | median | least | most | times m2ib's median | by turn |")
    print("|---|---|---|---|---|---|")
    base = statistics.median(seconds["m2ib"])
    for name, found in seconds.items():
        ratios = [other / mine for other, mine in zip(found, seconds["m2ib"])]
        print(
            f"| {name} | {statistics.median(found):.2f} s | {min(found):.2f} | {max(found):.2f} "
            f"| {statistics.median(found) / base:.1f} | {min(ratios):.1f}–{max(ratios):.1f} |"
        )


if __name__ == "__main__":
    main()
