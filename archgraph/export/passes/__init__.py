"""Program → program: batch norms folded, operators fused, layouts changed, the time branch split off."""
