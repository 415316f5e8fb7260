"""The C interface as ctypes sees it: structs, constants and prototypes of lnsp.h.

tests/test_header.py compares this file with the header."""

from __future__ import annotations

import ctypes as ct
import os
from typing import Any

STRUCTS: dict[str, type[ct.Structure]] = {}


class Problem(ct.Structure):
    _fields_ = [
        ("code", ct.c_int32),
        ("line", ct.c_int32),
        ("column", ct.c_int32),
        ("reserved", ct.c_int32),
        ("offset", ct.c_int64),
        ("name", ct.c_char * 104),
        ("message", ct.c_char * 256),
    ]


class Tensor(ct.Structure):
    _fields_ = [
        ("name", ct.c_char_p),
        ("dtype", ct.c_int32),
        ("rank", ct.c_int32),
        ("dims", ct.c_int64 * 4),
        ("strides", ct.c_int64 * 4),
        ("data", ct.c_void_p),
    ]


REPORT = ct.CFUNCTYPE(ct.c_int32, ct.c_void_p, ct.c_uint64, ct.c_uint64)


class Progress(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("user", ct.c_void_p),
        ("report", REPORT),
    ]


class Options(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("max_header_bytes", ct.c_uint32),
        ("allocator", ct.c_void_p),
        ("block", ct.c_void_p),
        ("block_bytes", ct.c_size_t),
        ("isa", ct.c_char_p),
        ("architecture", ct.c_char_p),
        ("prefix", ct.c_char_p),
        ("storage", ct.c_int32),
        ("reserved", ct.c_uint32),
        ("parallel", ct.c_void_p),
        ("progress", ct.POINTER(Progress)),
    ]


class Limits(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("max_rows", ct.c_int32),
        ("max_concepts", ct.c_int32),
        ("max_marks", ct.c_int32),
        ("mark_contents", ct.c_int32),
        ("keep_nodes", ct.c_int32),
        ("tasks", ct.c_int32),
    ]


class Memory(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("total_bytes", ct.c_uint64),
        ("weight_bytes", ct.c_uint64),
        ("moment_bytes", ct.c_uint64),
        ("average_bytes", ct.c_uint64),
        ("mark_bytes", ct.c_uint64),
        ("activation_bytes", ct.c_uint64),
        ("workspace_bytes", ct.c_uint64),
        ("plan_bytes", ct.c_uint64),
        ("residual_bytes", ct.c_uint64),
        ("gradient_bytes", ct.c_uint64),
    ]


class KeyInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("type", ct.c_int32),
        ("flags", ct.c_int32),
        ("count", ct.c_int32),
        ("low", ct.c_double),
        ("high", ct.c_double),
        ("name", ct.c_char * 40),
        ("initial", ct.c_char * 32),
        ("words", ct.c_char * 64),
        ("needs", ct.c_char * 16),
    ]


WRITE = ct.CFUNCTYPE(ct.c_int32, ct.c_void_p, ct.c_void_p, ct.c_size_t)


class Sink(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("user", ct.c_void_p),
        ("write", WRITE),
    ]


class Pair(ct.Structure):
    _fields_ = [("key", ct.c_char_p), ("value", ct.c_char_p)]


class DeltaFacts(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("exact", ct.c_int32),
        ("parameter_count", ct.c_int64),
        ("changed_count", ct.c_int64),
        ("encoded_bytes", ct.c_int64),
        ("base_hash", ct.c_uint8 * 32),
        ("result_hash", ct.c_uint8 * 32),
        ("codec", ct.c_char_p),
        ("stage_count", ct.c_int32),
        ("selected_count", ct.c_int32),
        ("sender", ct.c_char_p),
        ("nonce", ct.c_uint64),
        ("authenticated", ct.c_int32),
        ("reserved", ct.c_int32),
    ]


ECHO = ct.CFUNCTYPE(ct.c_int32, ct.c_void_p, ct.POINTER(Tensor), ct.POINTER(Tensor))


class Echo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("user", ct.c_void_p),
        ("echo", ECHO),
    ]


VERIFY = ct.CFUNCTYPE(ct.c_int32, ct.c_void_p, ct.POINTER(ct.c_uint8), ct.c_char_p, ct.c_uint64)
JUDGE = ct.CFUNCTYPE(ct.c_int32, ct.c_void_p, ct.c_void_p)


class DeltaRules(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("key_bytes", ct.c_uint32),
        ("key", ct.c_void_p),
        ("max_norm", ct.c_double),
        ("max_change", ct.c_double),
        ("user", ct.c_void_p),
        ("verify", VERIFY),
        ("judge", JUDGE),
    ]


class StoreSettings(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("snapshot_every", ct.c_int32),
        ("max_senders", ct.c_int32),
        ("read_only", ct.c_int32),
        ("salvage", ct.c_int32),
        ("reserved", ct.c_uint32),
        ("size_bytes", ct.c_uint64),
    ]


class StoreNote(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("loss", ct.c_float),
        ("time", ct.c_uint64),
        ("tag", ct.c_char_p),
    ]


class StoreVersion(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("kind", ct.c_int32),
        ("number", ct.c_uint64),
        ("parent", ct.c_uint64),
        ("time", ct.c_uint64),
        ("step", ct.c_uint64),
        ("bytes", ct.c_uint64),
        ("loss", ct.c_float),
        ("current", ct.c_int32),
        ("hash", ct.c_uint8 * 32),
        ("tag", ct.c_char * 40),
    ]


class StoreFacts(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("of_trainer", ct.c_int32),
        ("snapshot_every", ct.c_int32),
        ("damaged", ct.c_int32),
        ("versions", ct.c_uint64),
        ("newest", ct.c_uint64),
        ("state_bytes", ct.c_uint64),
        ("size_bytes", ct.c_uint64),
        ("used_bytes", ct.c_uint64),
        ("bank_bytes", ct.c_uint64),
        ("compactions", ct.c_uint64),
    ]


class IndexSettings(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("dtype", ct.c_int32),
        ("width", ct.c_int64),
        ("capacity", ct.c_int64),
        ("no_normalize", ct.c_int32),
        ("skip_checks", ct.c_int32),
    ]


class IndexFacts(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("dtype", ct.c_int32),
        ("width", ct.c_int64),
        ("count", ct.c_int64),
        ("capacity", ct.c_int64),
        ("bytes", ct.c_uint64),
        ("borrowed", ct.c_int32),
        ("reserved", ct.c_uint32),
    ]


class SearchLimits(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("max_queries", ct.c_int32),
        ("max_results", ct.c_int32),
        ("tasks", ct.c_int32),
    ]


class Rank(ct.Structure):
    _fields_ = [
        ("rank", ct.c_int64),
        ("best_id", ct.c_int64),
        ("best_score", ct.c_float),
        ("alike", ct.c_int32),
    ]


class RankInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("count", ct.c_int64),
        ("recall_1", ct.c_double),
        ("recall_5", ct.c_double),
        ("recall_10", ct.c_double),
        ("mrr", ct.c_double),
        ("mrr_10", ct.c_double),
        ("median", ct.c_double),
        ("alike_1", ct.c_double),
        ("alike_5", ct.c_double),
        ("alike_10", ct.c_double),
    ]


class ScoreInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("count", ct.c_int64),
        ("cosine", ct.c_double),
        ("mse", ct.c_double),
        ("cosine_sum", ct.c_double),
        ("mse_sum", ct.c_double),
    ]


class CollapseInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("collapsed", ct.c_int32),
        ("median_cosine", ct.c_double),
        ("variance", ct.c_double),
    ]


class DirectionInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("reserved", ct.c_uint32),
        ("rows", ct.c_int64),
        ("first_cosine", ct.c_double),
        ("last_cosine", ct.c_double),
        ("delta", ct.c_double),
        ("coherence", ct.c_double),
    ]


class EarlyStop(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("rises", ct.c_int32),
        ("patience", ct.c_int64),
        ("best", ct.c_double),
        ("reports", ct.c_int64),
        ("bad", ct.c_int64),
    ]


class ReservoirSettings(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("dtype", ct.c_int32),
        ("width", ct.c_int64),
        ("capacity", ct.c_int64),
        ("seed", ct.c_uint64),
    ]


class ReservoirInfo(ct.Structure):
    _fields_ = [
        ("struct_size", ct.c_uint32),
        ("dtype", ct.c_int32),
        ("width", ct.c_int64),
        ("capacity", ct.c_int64),
        ("count", ct.c_int64),
        ("seen", ct.c_int64),
        ("bytes", ct.c_uint64),
    ]


STRUCTS = {
    "lnsp_error": Problem,
    "lnsp_tensor": Tensor,
    "lnsp_options": Options,
    "lnsp_size_options": Limits,
    "lnsp_memory_info": Memory,
    "lnsp_key_info": KeyInfo,
    "lnsp_sink": Sink,
    "lnsp_echo": Echo,
    "lnsp_key_value": Pair,
    "lnsp_delta_info": DeltaFacts,
    "lnsp_delta_check_options": DeltaRules,
    "lnsp_store_options": StoreSettings,
    "lnsp_commit_options": StoreNote,
    "lnsp_store_version_info": StoreVersion,
    "lnsp_store_info": StoreFacts,
    "lnsp_index_options": IndexSettings,
    "lnsp_index_info": IndexFacts,
    "lnsp_search_options": SearchLimits,
    "lnsp_progress": Progress,
    "lnsp_rank": Rank,
    "lnsp_rank_info": RankInfo,
    "lnsp_score_info": ScoreInfo,
    "lnsp_collapse_info": CollapseInfo,
    "lnsp_direction_info": DirectionInfo,
    "lnsp_early_stop": EarlyStop,
    "lnsp_reservoir_options": ReservoirSettings,
    "lnsp_reservoir_info": ReservoirInfo,
}

F32, F16, BF16, F64, I8, I16, I32, I64, U8, U16, U32, U64, BOOL = range(1, 14)
HASH_BYTES = 32
MARK_STATE, MARK_WEIGHTS = 0, 1
SAVE_WEIGHTS, SAVE_AVERAGE, SAVE_STATE = 0, 1, 2
VERSION_SNAPSHOT, VERSION_DELTA, VERSION_ROLLBACK = 1, 2, 3
NO_ID = -1
E_CANCELLED = 17
LISTS = {
    "architectures": 1,
    "layers": 2,
    "losses": 3,
    "optimizers": 4,
    "schedules": 5,
    "isas": 6,
    "codecs": 7,
    "rules": 8,
}

KEY_TYPES = ["", "real", "whole", "flag", "word", "name", "size"]
KEY_REQUIRED, KEY_PERCENT, KEY_DEPENDS = 1, 2, 4

_i32, _i64, _u32, _u64 = ct.c_int32, ct.c_int64, ct.c_uint32, ct.c_uint64
_size, _text, _float, _void = ct.c_size_t, ct.c_char_p, ct.c_float, None
_double = ct.c_double
_h = ct.c_void_p  # a handle
_data = ct.c_void_p  # bytes or numbers
_out = ct.POINTER(ct.c_void_p)  # where a new handle goes
_p = ct.POINTER(Problem)
_options = ct.POINTER(Options)
_limits = ct.POINTER(Limits)
_memory = ct.POINTER(Memory)
_tensors = ct.POINTER(Tensor)
_sink = ct.POINTER(Sink)
_pairs = ct.POINTER(Pair)
_facts = ct.POINTER(DeltaFacts)
_rules = ct.POINTER(DeltaRules)
_statuses = ct.POINTER(ct.c_int32)
_doubles = ct.POINTER(ct.c_double)
_settings = ct.POINTER(StoreSettings)
_note = ct.POINTER(StoreNote)
_version = ct.POINTER(StoreVersion)
_store_facts = ct.POINTER(StoreFacts)
_numbers = ct.POINTER(ct.c_uint64)
_int64s = ct.POINTER(ct.c_int64)
_sizes = ct.POINTER(ct.c_size_t)
_floats = ct.POINTER(ct.c_float)
_index_settings = ct.POINTER(IndexSettings)
_index_facts = ct.POINTER(IndexFacts)
_search_limits = ct.POINTER(SearchLimits)
_score_info = ct.POINTER(ScoreInfo)
_early_stop = ct.POINTER(EarlyStop)
_reservoir_settings = ct.POINTER(ReservoirSettings)

# name: result, arguments. None as the result: nothing.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "lnsp_version": (_u32, []),
    "lnsp_version_text": (_text, []),
    "lnsp_arithmetic_version": (_u32, []),
    "lnsp_status_name": (_text, [_i32]),
    "lnsp_status_text": (_text, [_i32]),
    "lnsp_dtype_bytes": (_size, [_i32]),
    "lnsp_dtype_name": (_text, [_i32]),
    "lnsp_list_name": (_text, [_i32, _i32]),
    "lnsp_list_help": (_text, [_i32, _i32]),
    "lnsp_list_key_count": (_i32, [_i32, _i32]),
    "lnsp_list_key_at": (_i32, [_i32, _i32, _i32, ct.POINTER(KeyInfo), _p]),
    "lnsp_text_check": (_i32, [_i32, _text, _p]),
    "lnsp_isa_check": (_i32, [_text, _p]),
    "lnsp_isa_best": (_text, []),
    "lnsp_file_open": (_i32, [_text, _options, _out, _p]),
    "lnsp_file_open_memory": (_i32, [_data, _size, _options, _out, _p]),
    "lnsp_file_tensor_count": (_i32, [_h]),
    "lnsp_file_tensor_at": (_i32, [_h, _i32, _tensors, _p]),
    "lnsp_file_tensor": (_i32, [_h, _text, _tensors, _p]),
    "lnsp_file_metadata": (_text, [_h, _text]),
    "lnsp_file_metadata_at": (_i32, [_h, _i32, _pairs, _p]),
    "lnsp_file_read": (_i32, [_h, _text, _i64, _i64, _i32, _data, _p]),
    "lnsp_file_destroy": (_void, [_h]),
    "lnsp_writer_create": (_i32, [_text, _tensors, _i32, _pairs, _i32, _options, _out, _p]),
    "lnsp_writer_create_sink": (
        _i32,
        [_sink, _tensors, _i32, _pairs, _i32, _options, _out, _p],
    ),
    "lnsp_writer_write": (_i32, [_h, _data, _size, _p]),
    "lnsp_writer_close": (_i32, [_h, _p]),
    "lnsp_writer_destroy": (_void, [_h]),
    "lnsp_graph_create": (_i32, [_text, _options, _out, _p]),
    "lnsp_graph_open_file": (_i32, [_h, _options, _out, _p]),
    "lnsp_graph_convert": (_i32, [_h, _i32, _options, _out, _p]),
    "lnsp_graph_storage": (_i32, [_h]),
    "lnsp_graph_parameter_count": (_i64, [_h]),
    "lnsp_graph_tensor_count": (_i32, [_h]),
    "lnsp_graph_tensor_at": (_i32, [_h, _i32, _tensors, _p]),
    "lnsp_graph_input_width": (_i64, [_h]),
    "lnsp_graph_output_count": (_i32, [_h]),
    "lnsp_graph_output_at": (_i32, [_h, _i32, _tensors, _p]),
    "lnsp_graph_output_shape": (_i32, [_h, _i32, _tensors, _tensors, _p]),
    "lnsp_graph_tensor_trained": (_i32, [_h, _i32]),
    "lnsp_graph_input_name": (_text, [_h, _int64s]),
    "lnsp_graph_concept_range": (_i32, [_h, _int64s, _int64s, _int64s, _p]),
    "lnsp_graph_flops": (_i64, [_h, _i64]),
    "lnsp_graph_architecture": (_text, [_h]),
    "lnsp_graph_text": (_i32, [_h, _data, _size, _sizes, _p]),
    "lnsp_graph_destroy": (_void, [_h]),
    "lnsp_model_measure": (_i32, [_h, _memory, _p]),
    "lnsp_model_open": (_i32, [_text, _options, _out, _p]),
    "lnsp_model_open_memory": (_i32, [_data, _size, _options, _out, _p]),
    "lnsp_model_open_file": (_i32, [_h, _options, _out, _p]),
    "lnsp_model_create": (_i32, [_text, _u64, _options, _out, _p]),
    "lnsp_model_convert": (_i32, [_h, _i32, _options, _out, _p]),
    "lnsp_model_retain": (_h, [_h]),
    "lnsp_model_destroy": (_void, [_h]),
    "lnsp_model_memory": (_i32, [_h, _memory, _p]),
    "lnsp_model_graph": (_h, [_h]),
    "lnsp_model_tensor_read": (_i32, [_h, _text, _data, _i64, _p]),
    "lnsp_model_hash": (_i32, [_h, _data, _p]),
    "lnsp_model_save": (_i32, [_h, _text, _i32, _p]),
    "lnsp_model_save_sink": (_i32, [_h, _sink, _i32, _p]),
    "lnsp_session_measure": (_i32, [_h, _limits, _memory, _p]),
    "lnsp_session_create": (_i32, [_h, _limits, _options, _out, _p]),
    "lnsp_session_create_live": (_i32, [_h, _i32, _limits, _options, _out, _p]),
    "lnsp_session_rebind": (_i32, [_h, _h, _p]),
    "lnsp_session_run": (_i32, [_h, _tensors, _i32, _tensors, _i32, _p]),
    "lnsp_session_node": (_i32, [_h, _i32, _tensors, _p]),
    "lnsp_session_memory": (_i32, [_h, _memory, _p]),
    "lnsp_session_isa": (_text, [_h]),
    "lnsp_session_destroy": (_void, [_h]),
    "lnsp_replay_create": (_i32, [_i64, _options, _out, _p]),
    "lnsp_replay_add": (_i32, [_h, _tensors, _p]),
    "lnsp_replay_finish": (_i32, [_h, _p]),
    "lnsp_replay_draw": (_i32, [_h, _u64, _u64, _tensors, _p]),
    "lnsp_replay_save": (_i32, [_h, _text, _p]),
    "lnsp_replay_open": (_i32, [_text, _options, _out, _p]),
    "lnsp_replay_width": (_i64, [_h]),
    "lnsp_replay_destroy": (_void, [_h]),
    "lnsp_trainer_measure": (_i32, [_h, _text, _text, _limits, _memory, _p]),
    "lnsp_trainer_create": (_i32, [_h, _text, _text, _limits, _options, _out, _p]),
    "lnsp_trainer_open": (_i32, [_text, _text, _text, _limits, _options, _out, _p]),
    "lnsp_trainer_open_file": (_i32, [_h, _text, _text, _limits, _options, _out, _p]),
    "lnsp_trainer_step": (_i32, [_h, _tensors, _i32, _floats, _p]),
    "lnsp_trainer_compute_gradients": (_i32, [_h, _tensors, _i32, _floats, _p]),
    "lnsp_trainer_validate": (_i32, [_h, _tensors, _i32, _i32, _floats, _p]),
    "lnsp_trainer_forward": (_i32, [_h, _tensors, _i32, _tensors, _i32, _p]),
    "lnsp_trainer_backward": (_i32, [_h, _tensors, _i32, _p]),
    "lnsp_trainer_apply": (_i32, [_h, _p]),
    "lnsp_trainer_apply_gradients": (_i32, [_h, _tensors, _i32, _p]),
    "lnsp_trainer_set_weights": (_i32, [_h, _h, _i32, _p]),
    "lnsp_trainer_gradient": (_i32, [_h, _text, _data, _i64, _p]),
    "lnsp_trainer_freeze": (_i32, [_h, _text, _i32, _p]),
    "lnsp_trainer_set_learning_rate": (_i32, [_h, _float, _p]),
    "lnsp_trainer_learning_rate": (_float, [_h]),
    "lnsp_trainer_gradient_norm": (_float, [_h]),
    "lnsp_trainer_step_count": (_u64, [_h]),
    "lnsp_trainer_set_echo": (_i32, [_h, ct.POINTER(Echo), _p]),
    "lnsp_trainer_set_noise_key": (_i32, [_h, _data, _p]),
    "lnsp_trainer_set_replay": (_i32, [_h, _h, _p]),
    "lnsp_trainer_tensor_read": (_i32, [_h, _text, _i32, _data, _i64, _p]),
    "lnsp_trainer_publish": (_i32, [_h, _i32, _options, _out, _p]),
    "lnsp_trainer_save": (_i32, [_h, _text, _i32, _p]),
    "lnsp_trainer_save_sink": (_i32, [_h, _sink, _i32, _p]),
    "lnsp_trainer_mark": (_i32, [_h, _p]),
    "lnsp_trainer_mark_count": (_i32, [_h]),
    "lnsp_trainer_rollback": (_i32, [_h, _i32, _p]),
    "lnsp_trainer_hash": (_i32, [_h, _i32, _data, _p]),
    "lnsp_trainer_memory": (_i32, [_h, _memory, _p]),
    "lnsp_trainer_graph": (_h, [_h]),
    "lnsp_trainer_input_name": (_text, [_h, _i32]),
    "lnsp_trainer_isa": (_text, [_h]),
    "lnsp_trainer_destroy": (_void, [_h]),
    "lnsp_loss_evaluate": (_i32, [_text, _tensors, _i32, _floats, _tensors, _options, _p]),
    "lnsp_delta_measure": (_i32, [_h, _text, _memory, _p]),
    "lnsp_delta_create": (_i32, [_h, _h, _text, _options, _out, _p]),
    "lnsp_delta_create_live": (_i32, [_h, _h, _text, _i32, _options, _out, _p]),
    "lnsp_delta_merge": (_i32, [_out, _i32, _options, _out, _p]),
    "lnsp_delta_apply": (_i32, [_h, _h, _options, _out, _p]),
    "lnsp_delta_invert": (_i32, [_h, _options, _out, _p]),
    "lnsp_delta_get_info": (_i32, [_h, _facts, _p]),
    "lnsp_delta_save": (_i32, [_h, _text, _p]),
    "lnsp_delta_open": (_i32, [_text, _options, _out, _p]),
    "lnsp_delta_save_memory": (_i32, [_h, _data, _size, _sizes, _p]),
    "lnsp_delta_open_memory": (_i32, [_data, _size, _options, _out, _p]),
    "lnsp_delta_destroy": (_void, [_h]),
    "lnsp_delta_stamp": (_i32, [_h, _text, _u64, _data, _size, _p]),
    "lnsp_delta_norm": (_i32, [_h, _h, _doubles, _doubles, _options, _p]),
    "lnsp_delta_check": (_i32, [_h, _h, _rules, _options, _p]),
    "lnsp_delta_accept": (_i32, [_h, _h, _rules, _options, _out, _p]),
    "lnsp_delta_aggregate": (
        _i32,
        [_h, _out, _doubles, _i32, _text, _options, _statuses, _out, _p],
    ),
    "lnsp_trainer_step_delta": (_i32, [_h, _h, _p]),
    "lnsp_store_create": (_i32, [_text, _h, _h, _settings, _options, _out, _p]),
    "lnsp_store_open": (_i32, [_text, _settings, _options, _out, _p]),
    "lnsp_store_commit": (_i32, [_h, _h, _note, _numbers, _p]),
    "lnsp_store_commit_model": (_i32, [_h, _h, _note, _numbers, _p]),
    "lnsp_store_get_info": (_i32, [_h, _store_facts, _p]),
    "lnsp_store_text": (_text, [_h, _i32]),
    "lnsp_store_version_at": (_i32, [_h, _u64, _version, _p]),
    "lnsp_store_load": (_i32, [_h, _u64, _h, _options, _p]),
    "lnsp_store_checkout": (_i32, [_h, _u64, _options, _out, _p]),
    "lnsp_store_rollback": (_i32, [_h, _u64, _note, _numbers, _p]),
    "lnsp_store_verify": (_i32, [_h, _numbers, _p]),
    "lnsp_store_compact": (_i32, [_h, _p]),
    "lnsp_store_check_sender": (_i32, [_h, _text, _u64, _p]),
    "lnsp_store_add_sender": (_i32, [_h, _text, _u64, _p]),
    "lnsp_store_apply": (_i32, [_h, _h, _h, _rules, _note, _options, _numbers, _p]),
    "lnsp_store_destroy": (_void, [_h]),
    "lnsp_index_measure": (_i32, [_index_settings, _numbers, _p]),
    "lnsp_index_create": (_i32, [_index_settings, _options, _out, _p]),
    "lnsp_index_open": (_i32, [_text, _index_settings, _options, _out, _p]),
    "lnsp_index_open_file": (_i32, [_h, _index_settings, _options, _out, _p]),
    "lnsp_index_open_borrowed": (_i32, [_data, _size, _index_settings, _options, _out, _p]),
    "lnsp_index_add": (_i32, [_h, _tensors, _data, _p]),
    "lnsp_index_remove": (_i32, [_h, _data, _i64, _p]),
    "lnsp_index_get_info": (_i32, [_h, _index_facts, _p]),
    "lnsp_index_read": (_i32, [_h, _i64, _data, _i64, _p]),
    "lnsp_index_ids": (_i32, [_h, _i64, _i64, _data, _p]),
    "lnsp_index_save": (_i32, [_h, _text, _p]),
    "lnsp_index_save_sink": (_i32, [_h, _sink, _p]),
    "lnsp_index_destroy": (_void, [_h]),
    "lnsp_search_measure": (_i32, [_index_settings, _search_limits, _numbers, _p]),
    "lnsp_search_create": (_i32, [_h, _search_limits, _options, _out, _p]),
    "lnsp_search_run": (_i32, [_h, _tensors, _tensors, _i32, _data, _data, _p]),
    "lnsp_search_destroy": (_void, [_h]),
    "lnsp_search_rank": (_i32, [_h, _tensors, _data, _tensors, _data, _p]),
    "lnsp_metrics_rank": (_i32, [_tensors, _tensors, _data, _tensors, _options, _data, _p]),
    "lnsp_metrics_summarize": (_i32, [_data, _i64, ct.POINTER(RankInfo), _p]),
    "lnsp_metrics_recall": (_double, [_data, _i64, _i64]),
    "lnsp_metrics_score": (_i32, [_tensors, _tensors, _score_info, _p]),
    "lnsp_metrics_triplets": (_i32, [_tensors, _tensors, _tensors, _doubles, _p]),
    "lnsp_metrics_collapse": (_i32, [_tensors, _options, ct.POINTER(CollapseInfo), _p]),
    "lnsp_metrics_direction": (_i32, [_tensors, _tensors, ct.POINTER(DirectionInfo), _p]),
    "lnsp_session_score": (_i32, [_h, _tensors, _i32, _tensors, _options, _score_info, _p]),
    "lnsp_order_shuffle": (_i32, [_u64, _u64, _i64, _data, _p]),
    "lnsp_order_draw": (_i32, [_u64, _u64, _double, _i64, _data, _i64, _int64s, _p]),
    "lnsp_trainer_report": (_i32, [_h, _double, _statuses, _p]),
    "lnsp_early_stop_report": (_i32, [_early_stop, _double]),
    "lnsp_early_stop_over": (_i32, [_early_stop]),
    "lnsp_trainer_flops": (_i64, [_h, _i64, _i64]),
    "lnsp_trainer_save_metadata": (_i32, [_h, _text, _i32, _pairs, _i32, _p]),
    "lnsp_trainer_save_metadata_sink": (_i32, [_h, _sink, _i32, _pairs, _i32, _p]),
    "lnsp_reservoir_create": (_i32, [_reservoir_settings, _options, _out, _p]),
    "lnsp_reservoir_add": (_i32, [_h, _data, _i64, _p]),
    "lnsp_reservoir_sample": (_i32, [_h, _i64, _data, _p]),
    "lnsp_reservoir_read": (_i32, [_h, _i64, _i64, _data, _p]),
    "lnsp_reservoir_get_info": (_i32, [_h, ct.POINTER(ReservoirInfo), _p]),
    "lnsp_reservoir_save": (_i32, [_h, _text, _p]),
    "lnsp_reservoir_open": (_i32, [_text, _options, _out, _p]),
    "lnsp_reservoir_open_file": (_i32, [_h, _options, _out, _p]),
    "lnsp_reservoir_destroy": (_void, [_h]),
}

# What Python does in another way: callbacks for reading (bytes do), a struct made by C,
# flash (a file does), sums over one vector (NumPy does).
NOT_BOUND = {
    "lnsp_struct_init",
    "lnsp_tensor_f32",
    "lnsp_tensor_view",
    "lnsp_file_open_source",
    "lnsp_store_create_device",
    "lnsp_store_open_device",
    "lnsp_store_measure",
    "lnsp_metrics_dot",
    "lnsp_metrics_cosine",
    "lnsp_metrics_normalize",
    "lnsp_metrics_median",
    "lnsp_reservoir_measure",
}

lib = ct.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), "liblnsp.so"))
for _name, (_result, _arguments) in PROTOTYPES.items():
    _function = getattr(lib, _name)
    _function.restype = _result
    _function.argtypes = _arguments
