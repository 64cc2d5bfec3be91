"""Hypothesis strategies: streams of frames, right and wrong."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer.wire.frame import build_frame, length_form

OPCODES = st.sampled_from((0, 0, 0, 1, 1, 2, 8, 9, 10, 3, 7, 11, 15))
KEYS = st.one_of(st.none(), st.binary(min_size=4, max_size=4))


@st.composite
def frame_bytes(draw: st.DrawFn, opcodes: st.SearchStrategy[int] = OPCODES) -> bytes:
    """One frame of any kind, its length in any form that can hold it."""
    payload = draw(st.one_of(st.binary(max_size=12), st.binary(min_size=120, max_size=140)))
    return build_frame(
        draw(opcodes),
        payload,
        draw(KEYS),
        fin=draw(st.booleans()),
        rsv1=draw(st.sampled_from((False, False, False, True))),
        rsv3=draw(st.sampled_from((False, False, False, True))),
        form=draw(st.sampled_from([form for form in (None, 126, 127) if (form or 127) >= length_form(len(payload))])),
    )


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames one after another, then anything, cut anywhere."""
    data = b"".join(draw(st.lists(frame_bytes(), max_size=8))) + draw(st.binary(max_size=16))
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


CUTS = st.lists(st.integers(0, 400), max_size=12)
