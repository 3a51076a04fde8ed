#include "ext2.hpp"

namespace ant::file_server {

namespace {

struct Pair {
    errcode_t code;
    Error error;
};
constexpr Pair pairs[] = {
    {EXT2_ET_FILE_NOT_FOUND, Error::not_found},
    {EXT2_ET_NO_DIRECTORY, Error::not_directory},
    {EXT2_ET_FILE_EXISTS, Error::exists},
    {EXT2_ET_DIR_EXISTS, Error::exists},
    {EXT2_ET_BLOCK_ALLOC_FAIL, Error::no_space},
    {EXT2_ET_INODE_ALLOC_FAIL, Error::no_space},
    {EXT2_ET_NO_MEMORY, Error::no_memory},
    {EXT2_ET_FILE_TOO_BIG, Error::too_large},
    {EXT2_ET_RO_FILSYS, Error::read_only},
    {EXT2_ET_UNSUPP_FEATURE, Error::not_supported},
    {EXT2_ET_RO_UNSUPP_FEATURE, Error::not_supported},
    {EXT2_ET_BAD_MAGIC, Error::not_supported},
    {EXT2_ET_DIRHASH_UNSUPP, Error::not_supported},
    {EXT2_ET_INVALID_ARGUMENT, Error::invalid_argument},
};

}  // namespace

Error error_of(errcode_t code) {
    for (const Pair& pair : pairs)
        if (pair.code == code) return pair.error;
    return Error::io_error;
}

errcode_t code_of(Error error) {
    for (const Pair& pair : pairs)
        if (pair.error == error) return pair.code;
    return EXT2_ET_SHORT_READ;
}

}  // namespace ant::file_server
