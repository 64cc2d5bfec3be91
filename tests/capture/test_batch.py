"""A batch is its columns."""

import numpy as np

from analyzer.capture.batch import PACKET_COLUMNS, Batch


def test_every_column_has_room_for_the_rows() -> None:
    batch = Batch(bytearray(16), 3)
    assert batch.count == 0
    for name in PACKET_COLUMNS:
        column = getattr(batch, name)
        assert column.shape == (3,)
        assert column.dtype == np.int64
