"""Explains a Parquet data set on a Ray cluster; every worker is an actor that holds the model.

    pip install m2ib 'ray[data]'
    python ray_data.py pairs/*.parquet explained --workers 16

Rows go in with `image` (bytes, or {bytes, path} as Hugging Face has it), `caption` or `text`, and maybe `id`. They
come out with the columns of `m2ib run`, a row each, failures too. What is in the folder already is not done again:
a job that was stopped goes on when the same command is given.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("caption", pa.string()),
        ("similarity", pa.float32()),
        ("words", pa.list_(pa.string())),
        ("word_saliency", pa.list_(pa.float32())),
        ("map", pa.list_(pa.float32())),
        ("map_rows", pa.int32()),
        ("map_columns", pa.int32()),
        ("warnings", pa.list_(pa.string())),
        ("error", pa.string()),
        ("seconds", pa.float32()),
    ]
)


class Explain:
    """An actor: the model is loaded once, and explains batch after batch."""

    def __init__(self, model="emoji", threads=1, **settings):
        import m2ib

        settings["threads"] = threads
        if model == "emoji":
            self.explainer = m2ib.Explainer.emoji(**settings)
        else:
            self.explainer = m2ib.Explainer.from_pretrained(model, **settings)

    def __call__(self, batch: pa.Table) -> pa.Table:
        images = batch["image"].to_pylist()
        images = [image["bytes"] if isinstance(image, dict) else image for image in images]
        names = [name for name in ("caption", "text") if name in batch.column_names]
        captions = batch[names[0]].to_pylist()
        start = time.monotonic()
        made = self.explainer.attribute_many(images, captions, return_exceptions=True)
        seconds = (time.monotonic() - start) / len(made)
        rows = zip(batch["id"].to_pylist(), captions, made, strict=True)
        return pa.Table.from_pylist([self.row(*row, seconds) for row in rows], schema=SCHEMA)

    @staticmethod
    def row(id, caption, made, seconds):
        row = {"id": id, "caption": caption, "seconds": seconds}
        if isinstance(made, Exception):
            return row | {"error": str(made)}
        saliency = np.asarray(made.image.saliency, dtype=np.float32)
        return row | {
            "similarity": made.similarity,
            "words": [word.text for word in made.words],
            "word_saliency": [word.saliency for word in made.words],
            "map": saliency.ravel(),
            "map_rows": saliency.shape[0],
            "map_columns": saliency.shape[1],
            "warnings": [str(warning) for warning in made.warnings],
        }


def known(folder: Path) -> set:
    """The ids that are done: the files that Ray has written are whole."""
    if not any(folder.glob("*.parquet")):
        return set()
    return set(ds.dataset(folder, format="parquet").to_table(columns=["id"])["id"].to_pylist())


def explain(files, out: Path, workers: int, batch: int = 16, **settings):
    """Explains all rows of some files that the folder does not have."""
    import ray

    done = ray.put(known(out))

    def is_new(rows: pa.Table) -> pa.Table:
        there = ray.get(done)
        keep = [id not in there for id in rows["id"].to_pylist()]
        return rows.filter(pa.array(keep, type=pa.bool_()))

    def with_ids(rows: pa.Table) -> pa.Table:
        if "id" in rows.column_names:
            return rows.set_column(rows.column_names.index("id"), "id", rows["id"].cast(pa.string()))
        # The file and the caption are what a row is known by where it has no id of its own.
        texts = rows["caption" if "caption" in rows.column_names else "text"].to_pylist()
        ids = [f"{path}:{text}" for path, text in zip(rows["path"].to_pylist(), texts, strict=True)]
        return rows.append_column("id", pa.array(ids, type=pa.string()))

    rows = ray.data.read_parquet(files, include_paths=True)
    rows = rows.map_batches(with_ids, batch_format="pyarrow").map_batches(is_new, batch_format="pyarrow")
    rows = rows.map_batches(
        Explain,
        fn_constructor_kwargs=settings,
        batch_size=batch,
        batch_format="pyarrow",
        # An actor that dies is started anew, and its batch is done again.
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=settings.get("threads", 1),
    )
    out.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(str(out), mode="append") if known(out) else rows.write_parquet(str(out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--preset", default="fine")
    arguments = parser.parse_args()
    explain(
        arguments.files,
        arguments.out,
        arguments.workers,
        model=arguments.model,
        threads=arguments.threads,
        preset=arguments.preset,
    )
