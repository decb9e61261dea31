"""Times the method in PyTorch against m2ib, on this machine, in turns.

Two statements of the same mathematics (isotropic noise, block 9 of 12, beta 0.1, 10 steps of 10
samples, both modalities) on a ViT-B/32 with random weights:

- "plain": structured as the method's released program is. Every step sends the batch of copies
  through both towers whole, and gradients are made for every weight.
- "cached": the obvious waste removed. Weights are frozen, everything before the mask and the other
  modality's embedding are computed once, attention is fused.

Both compute the last block for every token, and an update after the last evaluation; m2ib leaves
out what nobody reads.

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


def solve(latent, embeddings_of):
    """The optimisation; `embeddings_of(mask)` gives the masked embeddings and their targets."""
    mask = Mask(latent)
    adam = torch.optim.Adam([mask.alpha], lr=1.0)
    for _ in range(STEPS):
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


def cached(model, pixels, ids):
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
        for block in model.vision_model.encoder.layers[LAYER + 1 :]:
            x = block(x, None, None)[0]
        pooled = model.vision_model.post_layernorm(x[:, 0])
        return model.visual_projection(pooled), text_embedding

    def text_embeddings(mask):
        x = mask(text.hidden_states[LAYER + 1].expand(SAMPLES, -1, -1))
        for block in model.text_model.encoder.layers[LAYER + 1 :]:
            x = block(x, None, causal)[0]
        pooled = model.text_model.final_layer_norm(x)[:, -1]
        return model.text_projection(pooled), image_embedding

    return [
        solve(image.hidden_states[LAYER + 1], image_embeddings),
        solve(text.hidden_states[LAYER + 1], text_embeddings),
    ]


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
        "PyTorch, plain": lambda: timed(lambda: plain(models["eager"], pixels, IDS)),
    }
    for name in ("m2ib", "PyTorch, cached"):
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
