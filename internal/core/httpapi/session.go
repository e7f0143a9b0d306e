package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

// A browser cannot send the admin token, so a link that works once gives it a
// session, which opens the status page and nothing else.
const (
	linkLife    = time.Minute    // for a browser to start on a busy machine
	sessionLife = 12 * time.Hour // a working day
	maxTickets  = 16             // of each kind; the oldest goes first
)

// A ticket is the digest of a secret that was given out.
type ticket struct {
	sum   [sha256.Size]byte
	until time.Time
}

// tickets are those of one kind, the oldest first. The zero value is ready to use.
type tickets struct {
	mu  sync.Mutex // guards all
	all []ticket
}

// issue returns a new secret that is known for that long. It needs no quoting in a URL.
func (t *tickets) issue(life time.Duration) string {
	secret := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, ticket{sha256.Sum256([]byte(secret)), time.Now().Add(life)})
	if len(t.all) > maxTickets {
		t.all = slices.Delete(t.all, 0, len(t.all)-maxTickets)
	}
	return secret
}

// knows reports whether secret was issued and is not too old.
func (t *tickets) knows(secret string) bool { return t.find(secret, false) }

// spend is knows, and forgets the secret: it holds once, whoever asks at the same time.
func (t *tickets) spend(secret string) bool { return t.find(secret, true) }

func (t *tickets) find(secret string, forget bool) bool {
	sum := sha256.Sum256([]byte(secret))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = slices.DeleteFunc(t.all, func(k ticket) bool { return !time.Now().Before(k.until) })
	i := slices.IndexFunc(t.all, func(k ticket) bool { return equal(&sum, &k.sum) })
	if i >= 0 && forget {
		t.all = slices.Delete(t.all, i, i+1)
	}
	return i >= 0
}
