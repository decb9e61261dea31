"""Pictures out of palettes, and what two libraries make of pictures: palettes.safetensors, naflex.safetensors.

    pip install torch==2.9.0 torchvision==0.24.0 transformers==4.57.1 open_clip_torch==3.3.0 pillow==13.0.0
    python make.py

`palettes/` holds small pictures whose pixels are numbers of colours, or look as if they were. Under
RECIPE/PICTURE are the bytes `[3, H, W]` that open_clip's own `image_transform` makes of them before it
normalises. Under PICTURE in naflex.safetensors are those that transformers' Siglip2ImageProcessor makes of
the pictures in `../preprocess`, put back on their grid, with 4-pixel patches, at most 30 of them.
"""

from pathlib import Path

import numpy
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.numpy import save_file
from transformers import Siglip2ImageProcessor

HERE = Path(__file__).parent
PALETTES = HERE / "palettes"
RECIPES = {
    "shortest_bicubic": {"resize_mode": "shortest", "interpolation": "bicubic"},
    "squash_bilinear": {"resize_mode": "squash", "interpolation": "bilinear"},
    "longest_bicubic": {"resize_mode": "longest", "interpolation": "bicubic", "fill_color": 3},
}


def picture(width, height):
    """Rings and stripes, none of which falls on a multiple of another size."""
    y, x = numpy.mgrid[0:height, 0:width]
    channels = [x * 5 + y, (x - width / 3) ** 2 / 9 + y * 3, (x * y) // 7]
    return Image.fromarray(numpy.stack(channels, -1).astype(numpy.int64).astype(numpy.uint8))


def write_pictures():
    PALETTES.mkdir(exist_ok=True)
    wide, tall = picture(53, 37), picture(29, 61)
    few = wide.quantize(11)
    few.save(PALETTES / "few.png", bits=4)
    wide.quantize(200).save(PALETTES / "many.png", transparency=2)
    tall.quantize(64).save(PALETTES / "tall.gif")
    wide.quantize(32).save(PALETTES / "wide.bmp")
    # Numbers that are levels are none of a palette to Pillow.
    wide.convert("L").save(PALETTES / "levels.gif", optimize=False)
    wide.convert("L").save(PALETTES / "levels.bmp")
    for kind in ["png", "bmp", "tiff"]:
        wide.convert("1").save(PALETTES / f"two.{kind}")


def of_palettes():
    found = {}
    for path in sorted(PALETTES.iterdir()):
        for recipe, settings in RECIPES.items():
            settings = PreprocessCfg(size=32, mean=(0, 0, 0), std=(1, 1, 1), **settings)
            pixels = image_transform_v2(settings, is_train=False)(Image.open(path))
            levels = (pixels * 255).round()
            assert torch.allclose(levels / 255, pixels, atol=1e-6)
            found[f"{recipe}/{path.name}"] = levels.to(torch.uint8).numpy()
    return found


def of_naflex():
    patch = 4
    processor = Siglip2ImageProcessor(
        patch_size=patch,
        max_num_patches=30,
        do_rescale=False,
        do_normalize=False,
    )
    found = {}
    for path in sorted((HERE.parent / "preprocess").iterdir()):
        if path.suffix not in [".png", ".jpg", ".webp"]:
            continue
        image = Image.open(path).convert("RGB")
        # Of one pixel it cannot tell where the channels are.
        made = processor(image, return_tensors="np", input_data_format="channels_last")
        rows, columns = made["spatial_shapes"][0]
        patches = made["pixel_values"][0][: rows * columns]
        patches = patches.reshape(rows, columns, patch, patch, 3).transpose(4, 0, 2, 1, 3)
        pixels = patches.reshape(3, rows * patch, columns * patch)
        assert (pixels == pixels.round()).all()
        found[path.name] = numpy.ascontiguousarray(pixels.astype(numpy.uint8))
    return found


if __name__ == "__main__":
    write_pictures()
    save_file(of_palettes(), HERE / "palettes.safetensors")
    save_file(of_naflex(), HERE / "naflex.safetensors")
