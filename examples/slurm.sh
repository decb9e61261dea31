#!/usr/bin/env bash
#SBATCH --job-name=m2ib
#SBATCH --array=1-100
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=24:00:00
#SBATCH --requeue
# Explains a data set by an array of jobs, each a share of its rows, into one folder:
#
#     sbatch examples/slurm.sh 'pairs/train-{000..150}.tar' explained --model openai/clip-vit-base-patch32
#
# A job that is requeued, or the whole array given again, goes on where it was. To give some of the jobs
# again, say how many there were: SHARES=100 sbatch --array=7,13 examples/slurm.sh … When all are done:
#
#     m2ib merge explained --out explained.parquet && m2ib report explained --out report
set -euo pipefail
data=$1 out=$2
shift 2
# One process computes with the cores that its job has, whatever the node has.
export RAYON_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
# Nodes have no way to the hub as a rule: fetch the model once before, on the head node.
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
share=${SLURM_ARRAY_TASK_ID:-1}/${SHARES:-${SLURM_ARRAY_TASK_COUNT:-1}}
exec m2ib run --data "$data" --out "$out" --shard "$share" "$@"
