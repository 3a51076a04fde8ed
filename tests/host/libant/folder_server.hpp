// A file server that keeps its files in a folder of the host: Linux does the work. It is as awkward as the interface allows:
// calls that were not done, reads in pieces.
#pragma once

#include <ant/interface/file.hpp>

#include <map>
#include <random>
#include <string>

#include "fake_core.hpp"

namespace fake {

class FolderServer {
public:
    explicit FolderServer(std::string root) : root_{std::move(root)} {}
    Raw serve(const Call& call);

    std::map<std::string, int> count;  // calls by function
    int ahead = 0;                     // reads that others follow
    bool awkward = false;
    bool loses_areas = false;  // the next data ICA goes down with the server

private:
    [[nodiscard]] std::string host(const char* path) const { return root_ + path; }
    template <class P>
    static P& parameters(const Call& call) {
        return *reinterpret_cast<P*>(call.b + (call.c & 0xffff'ffff));
    }
    Raw open(ant::file::Open& request);
    Raw transfer(const Call& call, bool read);
    Raw list(const Call& call);
    Raw lock(ant::file::Lock& lock);
    Raw change(const ant::file::Change& change);
    Raw by_path(const std::string& name, const Call& call);
    Raw by_handle(const std::string& name, const Call& call);

    std::string root_;
    std::map<std::uint64_t, std::string> names_;  // of functions
    std::mt19937 random_{7};
};

}  // namespace fake
