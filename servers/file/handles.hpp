// Open files: each handle is a record.
#pragma once

#include "tables.hpp"

namespace ant::file_server {

class Handles {
public:
    void use(const HandleRecords& records);

    // That of this number, if this slot has it.
    Result<HandleRecord> find(std::uint32_t handle, std::uint32_t slot) const;
    [[nodiscard]] const HandleRecord* opened_by(std::uint64_t call) const;
    // `record` without its number.
    Result<HandleRecord> add(HandleRecord record);
    void remove(std::uint32_t handle);
    [[nodiscard]] bool is_open(std::uint32_t volume, std::uint32_t inode) const;
    [[nodiscard]] bool any_of(std::uint32_t volume) const;
    [[nodiscard]] bool empty() const { return count_ == 0; }
    template <class F>
    void each(F&& f) const {
        for (const HandleRecord& record : handles_)
            if (record.handle != 0) f(record);
    }

private:
    static constexpr std::uint32_t index_bits = 10;
    static_assert(max_handles == 1 << index_bits);
    HandleRecords records_;
    std::array<HandleRecord, max_handles> handles_{};
    std::uint32_t generation_ = 0;
    unsigned count_ = 0;
};

}  // namespace ant::file_server
