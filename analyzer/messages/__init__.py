"""Messages out of frames: defragmented, inflated, their text checked."""
