package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// BenchmarkOpen tells what Open adds to a start, and what of it is the check.
func BenchmarkOpen(b *testing.B) {
	for _, c := range []struct{ servers, each int }{{20, 10}, {60, 1_000}} {
		path := filepath.Join(b.TempDir(), "bench.db")
		size := fill(b, path, c.servers, c.each)
		b.Run(fmt.Sprintf("open/kB=%d", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				_ = s.Close()
			}
		})
		b.Run(fmt.Sprintf("verify/kB=%d", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for b.Loop() {
				if err := verify(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fill writes so many approvals of each server and returns the file's size in bytes.
func fill(b *testing.B, path string, servers, each int) int64 {
	b.Helper()
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	for i := range servers {
		name := fmt.Sprintf("server-%d", i)
		if err := s.update(func(tx *bbolt.Tx) error {
			for j := range each {
				id := fmt.Sprintf("v1:%064x", j)
				text := fmt.Appendf(nil, `{"server":%q,"launch_id":%q}`, name, id)
				if err := tx.Bucket(bucketApprovals).Put(approvalKey(name, id), text); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
