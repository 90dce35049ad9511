#!/bin/bash

# Parameters
#SBATCH --account=lab
#SBATCH --array=0-2%2
#SBATCH --chdir=/scratch/runs/submissions/20261123T120000-abcdef
#SBATCH --comment='sd grid=table9 run=20261123T120000-abcdef array=01-T'
#SBATCH --constraint=a100
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --gpus-per-node=1
#SBATCH --job-name=table9:01-T
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --mail-type=FAIL
#SBATCH --mem=32768M
#SBATCH --nice=5
#SBATCH --nodes=1
#SBATCH --open-mode=append
#SBATCH --output=/scratch/runs/submissions/20261123T120000-abcdef/logs/%A_%a_0_log.out
#SBATCH --partition=gpu
#SBATCH --qos=long
#SBATCH --requeue
#SBATCH --signal=USR2@120
#SBATCH --time=360

# setup
module load cuda
export A='b c'
export PYTHONPATH=/scratch/runs/code/0123456789abcdef${PYTHONPATH:+:$PYTHONPATH} PYTHONSAFEPATH=1

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output /scratch/runs/submissions/20261123T120000-abcdef/logs/%A_%a_%t_log.out --cpus-per-task=8 /opt/env/bin/python -u -m sd.cluster.job /scratch/runs/submissions/20261123T120000-abcdef/01-T.jsonl
