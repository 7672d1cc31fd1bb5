"""Engines that map a plan's requests over rows: threads here, or the machines of Ray, Spark, Dask.

Read `driver` first: the loop, and what an engine is asked for. `columns` says which columns of a
table hold what, `arrow_blocks` what a worker makes of tables. Then one file an engine, of about
thirty lines each: `local` for blocks of arrays, `arrow_datasets`, `hugging_face`, `ray_datasets`,
`spark_frames`, `dask_collections`.

What may enter: an engine's own words for map, sum and keep. No engine is imported before it is
asked for, and workers need nothing but this package.
"""
