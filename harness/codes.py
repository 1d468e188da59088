"""A page for every error code: what it means and what to do. ``harness help E-CODE`` prints it."""

from __future__ import annotations

PAGES: dict[str, str] = {
    "E-ARTEFACTS": """\
A place at a URL, for masters and features (`harness run --artefacts`) or result files, cannot be used, or a file could
not be moved to or from it. s3:// and other addresses need their fsspec package (`pip install 'exvideo-bench[s3]'`) and
credentials. Work whose file did not arrive is tried again; artefacts.url in the results folder keeps the address.
A shelf without its file .exvideo-bench is one that is away, not an empty one: bring it back.""",
    "E-CACHE": """\
A cache of encoded training clips is damaged, or was made with another base or other data.
Give --cache another path, or delete the file: it is computed again.""",
    "E-CHANGED": """\
A variant's file was edited while a run was going, so that its videos would no longer belong to the planned key.
Run the same command again: the new parameters make new videos under their own key.""",
    "E-CHECKPOINT": """\
A checkpoint is not what the variant expects: another format, another extension, missing or surplus tensors.
The message names the tensors. Make it again with `harness posttune`, or restore the file. ExVideo's published format
is read as well, and `harness convert` writes it; a file that is shorter than it was cannot be read: fetch it again.""",
    "E-COMPARE": """\
Two results may not be compared: another suite, protocol or metric version, or too little in common. The message names
the difference. Compare results of one suite version and one release; `harness run` fills in what is missing.""",
    "E-CONFIG": """\
A `harness.toml` in the current folder cannot be used. It may have `plugins = ["my_variant.py", "metrics/*.py"]`, files
or patterns relative to it; `results`, `suite`, `threads`, `variants` and `workers` for all commands that have such an
option; and options of one command in a table of its name: `[run]`, then `max-failures = "5%"`. What is typed goes
before the file; `harness show config` tells what comes from it.""",
    "E-DATA": """\
The training data cannot be used. `world:COUNT` names clips of the procedural world; a folder names videos, a manifest
too (.csv or .jsonl with a column path, and optionally motion_bucket and caption). The message says what is the matter
with which file; where other videos can be used, the training goes on with them.""",
    "E-DISK": """\
The planned videos do not fit on the disk, or it filled up during the run. Everything finished is safe.
Free some space and run the same command again, take fewer items with --limit N, or use --results DIR.""",
    "E-ENCODE": """\
A video could not be stored, or did not decode to the frames that were generated. The latter is tried again; if it
stays, the disk or the codec is broken: `harness doctor` checks the codec.""",
    "E-ENGINE": """\
Jobs cannot be started on a cluster: its package is not installed (`pip install 'exvideo-bench[slurm]'`, or `[ray]`),
there is no `sbatch` or no Ray cluster where it was looked for, or a setting of --slurm or --ray is not known there.
`--slurm cluster=local` and --ray without an address use this machine.""",
    "E-EXISTS": """\
A file that would be made exists already. Give another --out, or delete the file.""",
    "E-EXTENSION": """\
The temporal extension's options contradict each other or the base model. The message says which.""",
    "E-EXTRA": """\
An option needs a package that is not part of the basic installation. The message has the command that installs it,
such as `pip install 'exvideo-bench[train]'`, and what can be chosen in place of the option.""",
    "E-FAILURES": """\
As many pieces of work failed as `--max-failures` allows, so the run stopped after what was in hand. The failures above
say what went wrong. Run the same command again when that is mended: only what is missing is done.""",
    "E-FEATURES": """\
A feature network gave rows that cannot be used, or a feature file is not the one that was stored.
For a stored file: delete it and run the same command again.""",
    "E-FETCH": """\
Weights could not be downloaded. Nothing incomplete is kept: the same command may be given again. Without a network,
put the file where `harness doctor --weights` says it belongs; its sha256 is checked there too.""",
    "E-FLOW": """\
Optical flow cannot be computed by the chosen backend. The message says why.""",
    "E-FRAMES": """\
An array is not a video (uint8 [frames, height, width, 3]), or not the number of frames that is needed.""",
    "E-GENERATE": """\
A variant raised an exception while making one video. The traceback is recorded in the failures table and in the
worker's log under results/runs, which the run names. The run goes on with the other videos; running again tries this
one again.""",
    "E-IMAGE": """\
A text-to-image model drew something that cannot begin a video: another size than asked for, or one colour from edge to
edge, as filters for unwanted content leave it. Change the prompt or the size, or take another pipeline or seed.""",
    "E-IMPORT": """\
A video that was made elsewhere cannot be measured beside the suite's: it is damaged, has fewer frames than it declares,
or another number, size or rate than the protocol's, or belongs to no item. Nothing is scaled or re-encoded to fit.
`--first-frames` takes the beginning of longer videos, `--any-rate` the frames whatever rate a file declares.""",
    "E-IMPORTED": """\
A row of imported videos cannot be called so, be at that revision, or be made here. Choose a name that no variant has;
raise --revision for other videos of the same items; `harness import` adds what is missing.""",
    "E-IO": """\
The disk reported an input or output error. The task is tried again up to twice.""",
    "E-LOAD": """\
A variant could not be loaded; all its videos of this run fail with the first reason. The traceback is recorded in
the failures table.""",
    "E-LOCK": """\
Another process is using this results folder. One run per folder: watch it with `harness status`, wait for it, or
use another folder with --results DIR. A lock ends with its process, however that ends.""",
    "E-MEMORY": """\
Memory, of the machine or of the GPU, ran out during a task. It is tried again in a fresh process: a measurement up to
twice, a video up to three times, each time in the next lighter way that its variant has, without changing the result
(parts of the model wait on the CPU, one branch of guidance at a time, layers in pieces), and the variant's later videos
begin there. What was done is recorded with the video. `harness run --offload` begins with the first of these;
`harness doctor VARIANT` says what a row needs.""",
    "E-NAN": """\
Training or sampling gave a number that is not finite. A lower learning rate or full precision may help.""",
    "E-NEEDS": """\
Nothing that was selected can run here, for the reason given. `harness doctor VARIANT` lists what is lacking.""",
    "E-NO-GPU": """\
The selected variants need a CUDA GPU and a torch that is built for it. `harness doctor VARIANT` says which of the
two is missing; a torch that sees no GPU may be newer than the driver. Rows of the mini and control families need
neither.""",
    "E-NO-REAL": """\
A control needs the real continuation of the conditioning image, and this suite has none.""",
    "E-OPTION": """\
An option or an argument is missing, is none that the command has, or has a value that makes no sense here. The message
says which do; `--help` after the command lists all.""",
    "E-OUT": """\
The folder that the site would replace is not a site made by `harness publish`, so it is not touched.
Give --out another folder.""",
    "E-OUTPUT": """\
A file or a folder cannot be written where it was asked for: by `export`, `publish`, `new` or a training.
Give a path in a folder that you may write to.""",
    "E-PLUGIN": """\
A plugin could not be loaded, or what it registers does not fit. The message quotes the line of the plugin's own code;
HARNESS_TRACE_PLUGINS=1 shows the whole traceback. A broken plugin is fatal only if it is selected or named with
--plugin. `harness validate FILE.py` puts a plugin to all laws, `harness new variant NAME` writes one that works.""",
    "E-POLICY": """\
The training policy leaves no parameter to train for this extension. Choose another policy.""",
    "E-PORT": """\
`harness publish --serve PORT` cannot listen on that port of this machine. `--serve 0` takes any that is free.""",
    "E-PUBLISH": """\
There is no result file that can be shown, or the page for --single is too large for one file. `harness export` writes
result files, `harness validate` says what is wrong with one, and `harness publish --local` shows what the results
folder holds.""",
    "E-REFERENCE": """\
The reference set cannot be used: it has fewer clips than the run has items, which a set metric compares in equal
numbers, or $HARNESS_REFERENCE, a folder of real videos for suites without a reference set of their own, names no such
folder or one with a video that is too short. Take fewer items with --limit N, or see to the folder.""",
    "E-RESULT": """\
A result file is malformed (the message points into it), or there are no results to write. `harness run` makes
results, `harness export` writes files.""",
    "E-RESULTS": """\
The results folder is a file, cannot be made, or it or a folder in it may not be written to. Name another with
--results DIR. A folder of videos that is empty where videos are on record is a disk that is not mounted: mount it, or
delete the empty folder to have them made again. What is finished and closed to writing, such as a colleague's folder,
can be read all the same by `compare`, `power`, `export` and `publish --local`.""",
    "E-RESUME": """\
A training state belongs to other settings. Give the same settings, another --out, or delete the state.""",
    "E-SCORE": """\
A metric raised an exception, or gave something that is no score: NaN is never stored. A quantity that does not
exist for a video is `Score.undefined(reason)`; a video that cannot be measured is `Score.excluded(reason)`.
The other metrics of the video are not affected.""",
    "E-SCRIPTED": """\
A fault that a test asked the fake engine for.""",
    "E-SETTINGS": """\
Sampling or training settings that cannot be, such as a negative number of steps, or a clip so large that a tensor of
it could not be indexed. The message names the setting.""",
    "E-SHAPE": """\
A variant returned frames of another number, size or type than the suite's protocol. Every row of a suite is scored
on the same: uint8 [frames, height, width, 3].""",
    "E-SIZE": """\
An image or latent size does not divide evenly through the model. The message says which multiple is needed.""",
    "E-SKIPPED": """\
With `--strict`, a run does not start when a row or a column that was asked for cannot be had here. The message lists
what would be left out, with the reason and what would help.""",
    "E-STORE": """\
The index under results/cache cannot be used: it is damaged, or a newer release made it. It is derived from the
spool: delete the file, and the next command makes it again.""",
    "E-SUITE": """\
A suite's file or images are not those that its version stands for, or results here were made with other content.
Restore the files, or give the change a version of its own.""",
    "E-TASK": """\
A worker was sent a line that is no task: coordinator and worker are of different releases.""",
    "E-TIMEOUT": """\
A task took longer than its limit, so its worker was ended and replaced. The limit is 20 times what the slowest task of
its kind has taken here, half an hour or more, and 6 hours while none is known. It is not tried again within the run;
the next run does. `--task-timeout SECONDS` sets the limit, 0 takes it away.""",
    "E-UNKNOWN": """\
A name that does not exist, or not in that version. The nearest names are in the message; `harness list` has all.""",
    "E-VIDEO": """\
A stored video is missing, damaged, or not the one that was recorded. Delete the file the message names and run the
same command again: only this video is made anew, from the same seed. Until then its item has no new scores.""",
    "E-VRAM": """\
The selected variants want more GPU memory than is free. `harness run --offload` lets parts of a model wait on the CPU:
slower, the same videos. Other programs on the GPU can be ended, or the rows left out with --variants 'all,-NAME'.""",
    "E-WEIGHTS": """\
Weights are not on this machine. They are looked for in the installed package, $HARNESS_WEIGHTS, ./weights and
~/.cache/exvideo-bench/weights, those of the Hub in its own cache too. The message has the command that makes or fetches
them. $HARNESS_SVD names the base of the svd family: a Hub id, a folder in diffusers' format, or the authors' single
file; a file of another size than SVD-XT is described by a JSON file of the same stem beside it.""",
    "E-WEIGHTS-DIGEST": """\
A weight file has another sha256 than the variant stands for: another checkpoint would be scored under this name.
Restore the file. A checkpoint that is meant to differ is a variant of its own:
`harness new variant NAME --from VARIANT`. Other variants can be run with --variants 'all,-NAME'.""",
    "E-WINDOW": """\
The window length, stride or overlap of windowed sampling do not fit the number of frames.""",
    "E-WORKER": """\
A worker process ended by itself. If it had a task in hand, the task is tried again up to twice in a fresh worker;
after that it counts as failed. If it could not start, the end of its log is in the message.""",
}
