"""The same on Daft and on Spark: worker processes that hold the model, and a batch at a time.

    pip install m2ib daft            # or: pip install m2ib pyspark pandas, and Java 17
    python daft_or_spark.py daft 'pairs/*.parquet' explained
    python daft_or_spark.py spark 'pairs/*.parquet' explained

Rows have `id`, `image` (bytes) and `caption`; what comes out has the columns of `ray_data.py`, which does the work
and lies beside this file.
"""

import os
import sys
from pathlib import Path

import pyarrow as pa
from ray_data import SCHEMA, Explain

# Worker processes are to find what this one finds: the neighbouring file and, for Spark, the same Python.
HERE = str(Path(__file__).resolve().parent)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def on_daft(files: str, out: str, workers: int = 2, **settings) -> None:
    import daft

    kind = daft.DataType.from_arrow_type(pa.struct(list(SCHEMA)))

    @daft.cls(use_process=True, max_concurrency=workers)
    class OnDaft:
        def __init__(self):
            self.explain = Explain(**settings)

        @daft.method.batch(return_dtype=kind, unnest=True, batch_size=16)
        def rows(self, id, image, caption):
            columns = {"id": id, "image": image, "caption": caption}
            batch = pa.table({name: column.to_arrow() for name, column in columns.items()})
            return self.explain(batch).to_struct_array().combine_chunks()

    pairs = daft.read_parquet(files)
    pairs.select(OnDaft().rows(pairs["id"], pairs["image"], pairs["caption"])).write_parquet(out)


def on_spark(files: str, out: str, **settings) -> None:
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema

    def explained(batches):
        # Once a task, for all of its batches.
        explain = Explain(**settings)
        for batch in batches:
            yield from explain(pa.Table.from_batches([batch])).to_batches()

    spark = SparkSession.builder.appName("m2ib").config("spark.sql.execution.arrow.maxRecordsPerBatch", 16).getOrCreate()
    # On other machines as well.
    spark.sparkContext.addPyFile(f"{HERE}/ray_data.py")
    rows = spark.read.parquet(*files.split(",")).select("id", "image", "caption")
    rows.mapInArrow(explained, from_arrow_schema(SCHEMA)).write.mode("append").parquet(out)


if __name__ == "__main__":
    engine, files, out = sys.argv[1:4]
    {"daft": on_daft, "spark": on_spark}[engine](files, out, preset="fine")
