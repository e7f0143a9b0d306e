//go:build !linux

package guard

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// stopEach stops all children side by side.
func (t *Tree) stopEach(polite time.Duration) error {
	t.mu.Lock()
	running := slices.Collect(maps.Keys(t.children))
	t.mu.Unlock()
	errs := make([]error, len(running))
	var wg sync.WaitGroup
	for i, p := range running {
		wg.Go(func() { errs[i] = t.Stop(p, polite) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
