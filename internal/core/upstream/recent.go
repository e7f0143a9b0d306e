package upstream

import "sync"

// maxRecent is how much a recent remembers: more servers than anybody has.
const maxRecent = 10_000

// A recent remembers something of servers, by a name or a launch, that it is not told
// the end of: of more than maxRecent it forgets any. It may be used concurrently.
type recent[V any] struct {
	mu    sync.Mutex // guards known
	known map[string]V
}

// Load returns what is remembered of key.
func (r *recent[V]) Load(key string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.known[key]
	return v, ok
}

// Store remembers v.
func (r *recent[V]) Store(key string, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]V{}
	}
	if _, ok := r.known[key]; !ok && len(r.known) >= maxRecent {
		for other := range r.known {
			delete(r.known, other)
			break
		}
	}
	r.known[key] = v
}

// Delete forgets key.
func (r *recent[V]) Delete(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, key)
}
