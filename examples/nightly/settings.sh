# Settings of a night, as shell variables. Copy this file; README.md says what each is.
LNSP=lnsp
STORE=concepts.store
REPORTS=nights
NEW=today.safetensors:vectors
NEW_ROWS=today.safetensors:windows
NEW_HELD_OUT=today.safetensors:held_out
OLD=library.safetensors:vectors
OLD_ROWS=library.safetensors:windows
OLD_HELD_OUT=library.safetensors:held_out
REPLAY=2000
LEARN='--loss "info_nce tau=.1 duplicates=mask context=mask" --batch 256 --epochs 5 --lr 2e-4'
PATIENCE=2
FALL_MRR=.02
FALL_COSINE=.02
RISE_MRR=.005
