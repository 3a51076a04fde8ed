// Intrusive doubly linked list. The link lives inside the object, so that enqueueing cannot fail.
#pragma once

namespace ant::core {

template <class T>
struct Link {
    T* next = nullptr;
    T* previous = nullptr;
};

// FIFO through the member `link` of T. An object is in at most one list per link.
template <class T, Link<T> T::*link>
class List {
public:
    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] T* front() const { return first_; }
    [[nodiscard]] T* back() const { return last_; }
    [[nodiscard]] static T* next(const T& item) { return (item.*link).next; }

    void push_back(T& item) {
        (item.*link).next = nullptr;
        (item.*link).previous = last_;
        (last_ != nullptr ? (last_->*link).next : first_) = &item;
        last_ = &item;
    }
    void push_front(T& item) {
        (item.*link).previous = nullptr;
        (item.*link).next = first_;
        (first_ != nullptr ? (first_->*link).previous : last_) = &item;
        first_ = &item;
    }
    void insert_before(T& place, T& item) {
        T* const previous = (place.*link).previous;
        if (previous == nullptr) return push_front(item);
        item.*link = {&place, previous};
        (previous->*link).next = &item;
        (place.*link).previous = &item;
    }
    void remove(T& item) {
        Link<T>& l = item.*link;
        (l.previous != nullptr ? (l.previous->*link).next : first_) = l.next;
        (l.next != nullptr ? (l.next->*link).previous : last_) = l.previous;
        l = {};
    }
    T* pop_front() {
        T* item = first_;
        if (item == nullptr) return nullptr;
        T* const next = (item->*link).next;
        first_ = next;
        (next != nullptr ? (next->*link).previous : last_) = nullptr;
        (item->*link).next = nullptr;
        return item;
    }

private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};

}  // namespace ant::core
