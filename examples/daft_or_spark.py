"""The same on Daft and on Spark: an actor or a worker process that holds the model, and a batch at a time.

    pip install m2ib daft            # or: pip install m2ib pyspark
    python daft_or_spark.py daft 'pairs/*.parquet' explained
    python daft_or_spark.py spark 'pairs/*.parquet' explained

Rows have `id`, `image` (bytes) and `caption`; what comes out has the columns of `ray_data.py`, which does the work.
"""

import sys

import pyarrow as pa
from ray_data import SCHEMA, Explain


def on_daft(files, out, **settings):
    import daft

    kind = daft.DataType.from_arrow_type(pa.struct(list(SCHEMA)))

    @daft.udf(return_dtype=kind, batch_size=16, concurrency=2)
    class OnDaft:
        def __init__(self):
            self.explain = Explain(**settings)

        def __call__(self, id, image, caption):
            columns = {"id": id, "image": image, "caption": caption}
            batch = pa.table({name: column.to_arrow() for name, column in columns.items()})
            return self.explain(batch).to_pylist()

    rows = daft.read_parquet(files)
    rows = rows.select(OnDaft(rows["id"], rows["image"], rows["caption"]).alias("row"))
    rows.select(*[daft.col("row").struct.get(name).alias(name) for name in SCHEMA.names]).write_parquet(out)


def on_spark(files, out, **settings):
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema

    def explained(batches):
        # Once a task, for all of its batches.
        explain = Explain(**settings)
        for batch in batches:
            yield from explain(pa.Table.from_batches([batch])).to_batches()

    spark = SparkSession.builder.appName("m2ib").config("spark.sql.execution.arrow.maxRecordsPerBatch", 16).getOrCreate()
    rows = spark.read.parquet(files).select("id", "image", "caption")
    rows.mapInArrow(explained, from_arrow_schema(SCHEMA)).write.mode("append").parquet(out)


if __name__ == "__main__":
    engine, files, out = sys.argv[1:4]
    {"daft": on_daft, "spark": on_spark}[engine](files, out, preset="fine")
