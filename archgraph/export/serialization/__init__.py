"""Program and weights → bytes on the disk, streamed."""
