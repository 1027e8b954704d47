// A link of a circular, doubly linked, intrusive list; the list itself is a node too. A node leaves
// its list when it is destroyed, so that either side may go first. Owns nothing. Thread: one.
#pragma once

namespace weir::runtime {

class ListNode {
 public:
    ListNode() = default;
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;
    ~ListNode() { unlink(); }

    bool linked() const { return next_ != this; }
    // Of a list: its first node. Only while linked().
    ListNode& first() const { return *next_; }

    void unlink() {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }
    // Adds an unlinked node at the end of this list.
    void append(ListNode& node) {
        node.prev_ = prev_;
        node.next_ = this;
        prev_->next_ = &node;
        prev_ = &node;
    }
    // Moves all nodes of the list `other` to the end of this one.
    void take_all(ListNode& other) {
        if (!other.linked()) return;
        prev_->next_ = other.next_;
        other.next_->prev_ = prev_;
        prev_ = other.prev_;
        prev_->next_ = this;
        other.prev_ = other.next_ = &other;
    }

 private:
    ListNode* prev_ = this;
    ListNode* next_ = this;
};

}  // namespace weir::runtime
