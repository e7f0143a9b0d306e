package upstream

import (
	"strconv"
	"testing"
)

func TestRecentIsBounded(t *testing.T) {
	var r recent[int]
	if _, ok := r.Load("none"); ok {
		t.Error("an empty one knows something")
	}
	for i := range 2*maxRecent + 1 {
		key := strconv.Itoa(i)
		r.Store(key, i)
		if v, ok := r.Load(key); !ok || v != i {
			t.Fatalf("%s = %d, %v", key, v, ok)
		}
	}
	if len(r.known) != maxRecent {
		t.Errorf("%d are known, want %d", len(r.known), maxRecent)
	}
	last := strconv.Itoa(2 * maxRecent)
	r.Store(last, 1) // it is known: nothing else need be forgotten
	if v, _ := r.Load(last); v != 1 || len(r.known) != maxRecent {
		t.Errorf("%s = %d of %d", last, v, len(r.known))
	}
	r.Delete(last)
	if _, ok := r.Load(last); ok {
		t.Error("a deleted one is known")
	}
}
