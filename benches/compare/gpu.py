"""The passes of the preset "fast" in PyTorch on a GPU, to hold `rates` against.

Image and text of a pair: two sides of 5 and 7 steps of 2 samples behind block 5 of 12 (11 of 24) and
behind the embedding, of the last block what the pooled token needs, weights frozen, one gate a token.
Random weights; what is left out (preprocessing, drawing noise on the host) m2ib's figures include.

    python benches/compare/gpu.py [--device cuda] [--shape b32,l14] [--batch 1,8,64]
"""

import argparse
import time

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, scaled_dot_product_attention

#        width, heads, blocks, tokens of the image; of the text: width, heads
SHAPES = {
    "b32": (768, 12, 12, 50, 512, 8),
    "l14": (1024, 16, 24, 257, 768, 12),
    "tiny": (64, 4, 4, 50, 64, 4),
}
WORDS, SAMPLES = 12, 2


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, causal, row=None):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        normed = self.norm1(x)
        seen = normed if row is None else normed[:, [row]]
        attended = scaled_dot_product_attention(
            split(self.q(seen)), split(self.k(normed)), split(self.v(normed)), is_causal=causal and row is None
        )
        x = (x if row is None else x[:, [row]]) + self.out(attended.transpose(1, 2).flatten(-2))
        inner = self.up(self.norm2(x))
        return x + self.down(inner * torch.sigmoid(1.702 * inner))


def side(blocks, latent, row, causal, steps, target):
    """The optimisation of `[pairs, tokens, width]`; returns the shares."""
    pairs, tokens, width = latent.shape
    alpha = torch.full((pairs, tokens, 1), 2.0, device=latent.device, requires_grad=True)
    adam = torch.optim.Adam([alpha], lr=2.5)
    for step in range(steps):
        share = torch.sigmoid(alpha)
        noise = torch.randn(pairs, SAMPLES, tokens, width, device=latent.device)
        own = latent[:, None]
        kept = share[:, None] * own + (1 - share[:, None]) * noise
        withheld = (1 - share[:, None]) * own + share[:, None] * noise
        x = torch.cat([kept, withheld], 1).flatten(0, 1)
        with torch.set_grad_enabled(step + 1 < steps):
            for block in blocks[:-1]:
                x = block(x, causal)
            read = blocks[-1](x, causal, row)[:, 0].unflatten(0, (pairs, 2 * SAMPLES))
            fit = cosine_similarity(read, target, dim=-1)
            nats = 0.5 * ((share * latent) ** 2 + (1 - share) ** 2 - 1) - torch.log1p(-share)
            loss = nats.mean((1, 2)) - fit[:, :SAMPLES].mean(1) + fit[:, SAMPLES:].mean(1)
        if step + 1 < steps:
            adam.zero_grad()
            loss.sum().backward()
            adam.step()
    return share.detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", default="b32,l14")
    parser.add_argument("--batch", default="1,8,64")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    device = torch.device(options.device)
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    name = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    print(f"PyTorch {torch.__version__}, {name}\n")
    print("| shape | format | what | at once | a second |")
    print("|---|---|---|---|---|")
    for shape in options.shape.split(","):
        width, heads, depth, patches, text_width, text_heads = SHAPES[shape]
        make = lambda width, heads, count: nn.ModuleList(
            Block(width, heads) for _ in range(count)
        ).to(device).requires_grad_(False)
        image = make(width, heads, depth - depth // 2)
        text = make(text_width, text_heads, depth if shape != "l14" else 12)
        for half in (False, True):
            for count in map(int, options.batch.split(",")):
                latents = torch.randn(count, patches, width, device=device)
                words = torch.randn(count, WORDS, text_width, device=device)
                targets = [torch.randn(count, 1, w, device=device) for w in (width, text_width)]

                def run():
                    with torch.autocast(device.type, torch.float16 if device.type == "cuda" else torch.bfloat16, enabled=half):
                        side(image, latents, 0, False, 5, targets[0])
                        side(text, words, -1, True, 7, targets[1])
                    wait()

                run()
                times, begun = [], time.perf_counter()
                while not times or time.perf_counter() - begun < options.seconds:
                    start = time.perf_counter()
                    run()
                    times.append(time.perf_counter() - start)
                rate = count / sorted(times)[len(times) // 2]
                print(f"| {shape} | {'16 bits' if half else 'f32'} | pairs explained, fast | {count} | {rate:.3f} |")


if __name__ == "__main__":
    main()
