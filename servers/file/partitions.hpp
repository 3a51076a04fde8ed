// Where a partition lies: MBR with logical partitions, GPT.
#pragma once

#include "disk.hpp"

namespace ant::file_server {

struct Range {
    std::uint64_t base, bytes;
};
// `page`: 4096 bytes to work with. Number 0 is the whole disk. not_found: there is no such partition.
Result<Range> find_partition(Disk& disk, std::uint64_t disk_bytes, std::uint32_t number, Memory page);

}  // namespace ant::file_server
