package main

import (
	"fmt"
	"strconv"
	"strings"
)

// maxSeeds bounds what one command plays.
const maxSeeds = 1_000_000

// A span is all seeds from the first to the last.
type span struct{ first, last uint64 }

// readSpan reads A-B.
func readSpan(word string) (span, error) {
	a, b, ok := strings.Cut(word, "-")
	first, err1 := strconv.ParseUint(a, 10, 64)
	last, err2 := strconv.ParseUint(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || last < first || last-first >= maxSeeds {
		return span{}, fmt.Errorf("--seeds=%s: want A-B, such as 1-200, of %d seeds at the most", word, maxSeeds)
	}
	return span{first, last}, nil
}

func (s span) String() string { return fmt.Sprintf("%d-%d", s.first, s.last) }

// A shard is the k-th of n machines that share a span: it plays every n-th seed.
type shard struct{ k, n uint64 }

const maxShards = 10_000

// readShard reads k/n.
func readShard(word string) (shard, error) {
	a, b, ok := strings.Cut(word, "/")
	k, err1 := strconv.ParseUint(a, 10, 64)
	n, err2 := strconv.ParseUint(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || k < 1 || k > n || n > maxShards {
		return shard{}, fmt.Errorf("--shard=%s: want K/N, such as 2/5 for the second of five, of %d at the most", word, maxShards)
	}
	return shard{k, n}, nil
}

func (h shard) String() string { return fmt.Sprintf("%d/%d", h.k, h.n) }

// count is how many of a span's seeds a shard plays.
func (h shard) count(s span) int {
	all := s.last - s.first + 1
	return int((all + h.n - h.k) / h.n)
}

// seed is the i-th of them, from 0.
func (h shard) seed(s span, i int) uint64 { return s.first + h.k - 1 + uint64(i)*h.n }
