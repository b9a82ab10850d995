"""The only I/O: sockets, clocks, threads and event loops."""
