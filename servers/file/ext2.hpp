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

}  // namespace ant::file_server
