"""What the tests here explain, and how they hold rows against those of the program."""

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCENES = Path(__file__).parent / "../crates/m2ib-emoji/scenes"
# As little work as there can be, 15 ms a row: what is asked is whether rows are lost, there twice or others, not
# whether their maps are good.
SETTINGS = {"preset": "released", "steps": 2, "samples": 2}


def pairs(rows: int, named: bool = False) -> pa.Table:
    """Each scene with what it shows and with what others show, in as many words as make all rows different.

    Pictures are bytes or, with their names, as Hugging Face has them.
    """
    names = sorted({path.stem.split("_", 2)[2].replace("_", " ") for path in SCENES.glob("*_mask*.png")})
    images = sorted(path for path in SCENES.glob("scene?.png"))
    forms = [f"a {kind} of {what}" for kind in ("photo", "picture", "drawing") for what in ("a {}", "one {}", "the {}")]
    forms += [f"{what} {where}" for what in ("a {}", "one {}", "the {}") for where in ("here", "there", "in a scene")]
    all = [(image, form.format(name)) for form in forms for name in names for image in images]
    assert rows <= len(all), f"there are {len(all)} different pairs"
    all = all[:rows]
    pictures = [{"bytes": image.read_bytes(), "path": image.name} for image, _ in all]
    return pa.table(
        {
            "id": [f"{place:05}" for place in range(rows)],
            "image": pictures if named else [picture["bytes"] for picture in pictures],
            # The last has no words that could be explained.
            "caption": [caption for _, caption in all[:-1]] + ["\U0001f600"],
        }
    )


def in_files(table: pa.Table, folder: Path, count: int) -> list[str]:
    """The same rows in some files."""
    files = []
    for part in range(count):
        start, end = (table.num_rows * edge // count for edge in (part, part + 1))
        files.append(str(folder / f"pairs-{part}.parquet"))
        pq.write_table(table.slice(start, end - start), files[-1])
    return files


def by_program(folder: Path) -> dict:
    """The rows of `m2ib run` over those files, by their ids."""
    given = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
    run = ["m2ib", "run", "--data", f"{folder}/pairs-*.parquet", *given, "--out", f"{folder}/run"]
    subprocess.run(run, check=True)
    merge = ["m2ib", "merge", f"{folder}/run", "--out", f"{folder}/run.parquet"]
    subprocess.run(merge, check=True)
    return {row["id"].split(":", 1)[1]: row for row in pq.read_table(folder / "run.parquet").to_pylist()}


def check(found: list[dict], expected: dict) -> None:
    """That rows are those of the program, each once, and that one of them failed."""
    assert len({row["id"] for row in found}) == len(found), "rows are there twice"
    assert {row["id"] for row in found} == set(expected), "rows are lost"
    for row in found:
        other = expected[row["id"]]
        assert row["caption"] == other["caption"]
        assert (row["error"] is None) == (other["error"] is None), (row["error"], other["error"])
        if row["error"] is None:
            assert row["words"] == other["words"]
            # To the last digits: how many threads share a sum decides in which order it is taken.
            for name in ("similarity", "word_saliency", "map", "map_rows", "map_columns"):
                np.testing.assert_allclose(row[name], other[name], rtol=1e-4, atol=1e-6, err_msg=row["id"])
    failed = sum(row["error"] is not None for row in found)
    assert failed == 1, failed
