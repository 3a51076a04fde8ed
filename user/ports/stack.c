/* Lua calls itself through C up to 200 times, SQLite's parser has large frames: more than the usual stack of 256 KiB. */
const unsigned long ant_stack_bytes = 1024 * 1024;
