#include "server_table.hpp"

namespace ant::core {

namespace {

constinit char groups[named_groups][abi::name_bytes] = {};

// A group that no live slot provides or may call, with no function left that somebody provides.
bool in_use(u8 group) {
    constexpr u64 all = privileged_right - 1;  // whoever may call all may call what comes next, too
    for (const Slot& slot : slots)
        if (slot.alive && (slot.group == group || ((slot.callees & all) != all && (slot.callees >> group & 1) != 0))) return true;
    return false;
}

Function* entry_of(u32 id) {
    Function& f = functions[id & (max_functions - 1)];
    return id != 0 && f.id == id ? &f : nullptr;
}

// A free entry, or one that nobody provides: its old identifier becomes unknown.
Function* free_entry() {
    for (Function& f : functions)
        if (f.id == 0) return &f;
    for (Function& f : functions)
        if (f.slot == nullptr) return &f;
    return nullptr;
}

Function* by_name(const char* name) {
    for (Function& f : functions)
        if (f.name[0] == name[0] && f.id != 0 && same_name(f.name, name)) return &f;
    return nullptr;
}

bool belongs_to(const char* name, const Slot& slot) {
    unsigned i = 0;
    while (slot.name[i] != 0 && name[i] == slot.name[i]) ++i;
    return slot.name[i] == 0 && name[i] == '.' && name[i + 1] != 0;
}

void set_attributes(Function& f, u32 op) {
    f.right = (op & abi::function_attribute::privileged) != 0 ? privileged_right : u64{1} << f.group;
    f.open_to = f.right;
    f.takes_data = (op & abi::function_attribute::takes_data) != 0;
    f.redeliver = (op & abi::function_attribute::redeliver) != 0;
    f.may_wait = (op & abi::function_attribute::may_wait) != 0;
}

}  // namespace

Result<u8> group_of(const char* slot_name, u64 kept) {
    u8 place = named_groups;
    for (u8 i = 0; i < named_groups; ++i) {
        if (same_name(groups[i], slot_name)) return i;
        if (place == named_groups && groups[i][0] == 0) place = i;
    }
    for (u8 i = 0; place == named_groups && i < named_groups; ++i)
        if ((kept >> i & 1) == 0 && !in_use(i)) place = i;
    if (place == named_groups) return Failure(Error::too_many);
    for (Function& f : functions)  // of the group that was here before
        if (f.id != 0 && f.group == place && f.slot == nullptr) f = {};
    copy_name(groups[place], slot_name);
    return place;
}

Result<u32> register_function(Slot& slot, const char* name, u32 op) {
    constexpr u32 attributes = abi::function_attribute::takes_data | abi::function_attribute::privileged |
                               abi::function_attribute::redeliver | abi::function_attribute::may_wait;
    if ((op & ~(attributes | 0xff)) != 0 || !belongs_to(name, slot)) return Failure(Error::invalid_argument);
    Function* f = by_name(name);
    if (f != nullptr && f->slot != nullptr) {
        if (f->slot != &slot || f->op != (op & 0xff)) return Failure(Error::exists);
        set_attributes(*f, op);  // a new version's may differ
        return f->id;
    }
    if (slot.function_count >= max_functions_of_slot) return Failure(Error::over_quota);
    if (f == nullptr) {
        if (slot.group == 0xff) slot.group = ANT_TRY(group_of(slot.name));
        f = free_entry();
        if (f == nullptr) return Failure(Error::too_many);
        static constinit u32 generation = 0;
        generation = (generation + 1) & 0x3f'ffff;
        f->id = static_cast<u32>(f - functions) | (generation + 1) << 9;
        copy_name(f->name, name);
        f->group = slot.group;
    }
    slot.group = f->group;
    f->op = static_cast<u16>(op & 0xff);
    set_attributes(*f, op);
    f->slot = &slot;
    f->receipt = static_cast<u64>(abi::Receipt::request) | u64{f->op} << 8;
    f->standing = Control::of_op(f->op);
    f->identity = slot.id() | u64{f->id} << 32;
    ++slot.function_count;
    return f->id;
}

Result<> withdraw_function(Slot& slot, u32 id) {
    Function* f = entry_of(id);
    if (f == nullptr) return Failure(Error::not_found);
    if (f->slot != &slot) return Failure(Error::not_owner);
    f->slot = nullptr;
    f->open_to = 0;
    --slot.function_count;
    return {};
}

void withdraw_all(Slot& slot) {
    if (slot.function_count == 0) return;
    for (Function& f : functions) {
        if (f.slot != &slot) continue;
        f.slot = nullptr;
        f.open_to = 0;
    }
    slot.function_count = 0;
}

Result<FoundFunction> find_function(const char* name) {
    const Function* f = by_name(name);
    if (f == nullptr) return Failure(Error::not_found);
    return FoundFunction{f->id, f->slot != nullptr};
}

}  // namespace ant::core
