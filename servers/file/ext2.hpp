// libext2fs, and its errors as ours.
#pragma once

#include <ant/abi/result.hpp>

extern "C" {
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
}

namespace ant::file_server {

Error error_of(errcode_t code);
inline Result<> checked(errcode_t code) {
    if (code != 0) return Failure(error_of(code));
    return {};
}
errcode_t code_of(Error error);

// A damaged map may name blocks that are not the volume's: another partition's, for instance.
inline bool within(ext2_filsys fs, std::uint64_t place, std::uint64_t count) {
    const std::uint64_t end = ext2fs_blocks_count(fs->super);
    return place >= fs->super->s_first_data_block && place < end && count <= end - place;
}

}  // namespace ant::file_server
