#include "handles.hpp"

namespace ant::file_server {

void Handles::use(const HandleRecords& records) {
    records_ = records;
    for (unsigned i = 0; i < max_handles; ++i) {
        if (records_.load(i, handles_[i]) != record::Found::good) handles_[i] = {};
        if (handles_[i].handle != 0) ++count_;
        if (handles_[i].handle >> index_bits > generation_) generation_ = handles_[i].handle >> index_bits;
    }
}

Result<HandleRecord> Handles::find(std::uint32_t handle, std::uint32_t slot) const {
    const HandleRecord& record = handles_[handle % max_handles];
    if (handle == 0 || record.handle != handle) return Failure(Error::not_found);
    if (record.slot != slot) return Failure(Error::not_owner);
    return record;
}

const HandleRecord* Handles::opened_by(std::uint64_t call) const {
    for (const HandleRecord& record : handles_)
        if (record.handle != 0 && record.call == call) return &record;
    return nullptr;
}

Result<HandleRecord> Handles::add(HandleRecord record) {
    unsigned free = max_handles, owned = 0;
    for (unsigned i = max_handles; i-- != 0;) {
        if (handles_[i].handle == 0)
            free = i;
        else
            owned += handles_[i].slot == record.slot ? 1 : 0;
    }
    if (free == max_handles || owned >= max_handles_of_one) return Failure(Error::too_many);
    generation_ = generation_ % ((1U << (32 - index_bits)) - 1) + 1;  // never 0: so is no handle
    record.handle = generation_ << index_bits | free;
    records_.commit(free, record);
    handles_[free] = record;
    ++count_;
    return record;
}

void Handles::remove(std::uint32_t handle) {
    records_.erase(handle % max_handles);
    HandleRecord& record = handles_[handle % max_handles];
    if (record.handle != 0) --count_;
    record = {};
}

bool Handles::is_open(std::uint32_t volume, std::uint32_t inode) const {
    for (const HandleRecord& record : handles_)
        if (record.handle != 0 && record.volume == volume && record.inode == inode) return true;
    return false;
}

bool Handles::any_of(std::uint32_t volume) const {
    for (const HandleRecord& record : handles_)
        if (record.handle != 0 && record.volume == volume) return true;
    return false;
}

}  // namespace ant::file_server
