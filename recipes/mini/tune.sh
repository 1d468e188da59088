#!/usr/bin/env bash
# Post-tune every tuned row of the mini family: same base, data, order, seed and steps. Two trainings side by side with
# one thread each, which on two cores is faster than one after the other with two. Run again, it continues.
#
#     recipes/mini/tune.sh work/tuned [STEPS] [SEED]
#
# With another seed than 0 only the four factorial rows, named mini-seed<SEED>-*: what tells training noise from effect.
set -euo pipefail
out=$1 steps=${2:-600} seed=${3:-0}
row=mini
[ "$seed" = 0 ] || row=mini-seed$seed
mkdir -p "$out"
common=(--base variants/weights/mini/base --frames 40 --data world:1000 --cache "$out/world-40f.safetensors"
        --steps "$steps" --batch 2 --optimiser muon --lr 1e-3 --ema 0.99 --seed "$seed" --threads 1)

tune() {  # row, convolution, positions
    [ -f "$out/$row-$1.safetensors" ] || harness posttune "${common[@]}" --conv "$2" --positions "$3" --out "$out/$row-$1.safetensors"
}

# The first training makes the cache that the others read, so it is alone until that is there.
tune exvideo identity learn_reflect & first=$!
while [ ! -f "$out/world-40f.safetensors" ] && kill -0 $first 2>/dev/null; do sleep 2; done
(tune no-conv none learn_reflect; tune temporal-only none sin; [ "$seed" != 0 ] || tune pos-learned identity learn_rand) & second=$!
wait $first
tune pos-static identity sin
[ "$seed" != 0 ] || tune pos-static-reflect identity reflect
wait $second
