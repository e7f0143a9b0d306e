package proxy

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

// A long result would fill a model's context, so it gets the beginning of one and
// reads on where it needs to.
const (
	maxAnswer  = 32 << 10 // bytes of a result that is returned at once; a model reads about 8,000 tokens
	maxPage    = 256 << 10
	maxResults = 32 << 20 // bytes of all results that are kept; the oldest make room
	resultLife = 15 * time.Minute
)

// A resultCache keeps long results as the servers wrote them.
type resultCache struct {
	mu    sync.Mutex
	kept  map[string]*keptResult // by key; guarded by mu
	order []string               // the keys, oldest first; guarded by mu
	bytes int                    // of all that is kept; guarded by mu
}

type keptResult struct {
	raw   []byte
	timer *time.Timer
	until time.Time // when it may be forgotten
}

// shorten returns a result as the client gets it: itself unless it is too long to read.
// Pictures and sounds do not count, as they are not read.
func (r *resultCache) shorten(result json.RawMessage) []byte {
	if len(result) <= maxAnswer || len(result) > maxResults {
		return result
	}
	t := readableText(result)
	if t.unfinished || len(result)-t.media <= maxAnswer {
		return result
	}
	key := r.keep(result)
	doc, raw := t.text, ""
	if doc == "" {
		doc, raw = string(result), `,"raw":true`
	}
	page, next := cut(doc, 0, maxAnswer)
	note := "This is the whole text of the result, but not all of the result."
	if next < len(doc) {
		note = fmt.Sprintf(`These are bytes 0 to %d of %d. Go on with read_cache {"key":%q,"offset":%d%s}.`, next, len(doc), key, next, raw)
	}
	if raw == "" {
		note += fmt.Sprintf(` The result as JSON, with all that is not text, is %d bytes long: read_cache {"key":%q,"raw":true}.`, len(result), key)
	}
	note += fmt.Sprintf(" It is kept for %d minutes after it was last read.", int(resultLife.Minutes()))
	return textResult(t.failed, page, note)
}

// keep stores a result under a key that nobody can guess.
func (r *resultCache) keep(result []byte) string {
	key := rand.Text()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[string]*keptResult{}
	}
	for r.bytes+len(result) > maxResults {
		r.drop(r.order[0])
	}
	r.kept[key] = &keptResult{result, time.AfterFunc(resultLife, func() { r.expire(key) }), time.Now().Add(resultLife)}
	r.order = append(r.order, key)
	r.bytes += len(result)
	return key
}

func (r *resultCache) expire(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[key]; k != nil && !time.Now().Before(k.until) { // else it was read meanwhile
		r.drop(key)
	}
}

// drop forgets a result. mu must be held.
func (r *resultCache) drop(key string) {
	k := r.kept[key]
	if k == nil {
		return
	}
	k.timer.Stop()
	r.bytes -= len(k.raw)
	delete(r.kept, key)
	r.order = slices.DeleteFunc(r.order, func(k string) bool { return k == key })
}

// close forgets all results.
func (r *resultCache) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 {
		r.drop(r.order[0])
	}
}

// find returns a result and keeps it for another while.
func (r *resultCache) find(key string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kept[key]
	if k == nil {
		return nil
	}
	k.timer.Reset(resultLife)
	k.until = time.Now().Add(resultLife)
	return k.raw
}

// read answers read_cache.
func (r *resultCache) read(args json.RawMessage) ([]byte, error) {
	var a struct {
		Key    string `json:"key"`
		Offset int    `json:"offset"`
		Limit  int    `json:"limit"`
		Raw    bool   `json:"raw"`
	}
	if err := json.Unmarshal(args, &a); err != nil || a.Key == "" {
		return nil, invalid(`read_cache needs the "key" that a shortened result named; "offset" and "limit" are numbers of bytes, "raw" is true or false.`)
	}
	result := r.find(a.Key)
	if result == nil {
		return nil, invalid(fmt.Sprintf("There is no result with this key any more. One is kept for %d minutes after it was last read, and all of them together up to %d MB. Call the tool again.",
			int(resultLife.Minutes()), maxResults>>20))
	}
	doc, raw := readableText(result).text, ""
	if a.Raw || doc == "" {
		doc, raw = string(result), `,"raw":true`
	}
	if a.Offset < 0 || a.Offset > len(doc) {
		return nil, invalid(fmt.Sprintf("The offset %d is not in the result, which is %d bytes long.", a.Offset, len(doc)))
	}
	if a.Limit <= 0 {
		a.Limit = maxAnswer
	}
	page, next := cut(doc, a.Offset, min(a.Limit, maxPage))
	note := fmt.Sprintf("These are bytes %d to %d of %d, the end.", next-len(page), next, len(doc))
	if next < len(doc) {
		note = fmt.Sprintf(`These are bytes %d to %d of %d. Go on with read_cache {"key":%q,"offset":%d%s}.`, next-len(page), next, len(doc), a.Key, next, raw)
	}
	return textResult(false, page, note), nil
}

// cut returns the part of text from offset on that has at most limit bytes, and where
// it ends. It moves both ends back to where a character begins, but always goes on.
func cut(text string, offset, limit int) (page string, end int) {
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	end = min(offset+limit, len(text))
	for end > offset && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	if end == offset && offset < len(text) {
		_, n := utf8.DecodeRuneInString(text[offset:])
		end += n
	}
	return text[offset:end], end
}

// A readable is what a model reads of a result.
type readable struct {
	text       string
	media      int  // bytes of pictures and sounds
	failed     bool // isError
	unfinished bool // it asks for something, or stands for a task
}

func readableText(result []byte) (r readable) {
	var parts []string
	var structured []byte
	for m := range rawjson.Members(result) {
		switch string(m.Key) {
		case "isError":
			r.failed = string(m.Value) == "true"
		case "resultType":
			r.unfinished = r.unfinished || unquoteString(m.Value) != "complete"
		case "task":
			r.unfinished = true
		case "structuredContent":
			structured = m.Value
		case "content":
			_ = rawjson.EachElement(m.Value, func(block json.RawMessage) { // valid, as the result is
				part, media := readBlock(block)
				parts = append(parts, part)
				r.media += media
			})
		}
	}
	if len(parts) == 0 && structured != nil {
		parts = []string{string(structured)}
	}
	r.text = strings.Join(parts, "\n")
	return r
}

// readBlock returns what a model reads of a content block, and how many bytes of it
// are a picture or a sound.
func readBlock(block json.RawMessage) (text string, media int) {
	var b struct {
		Type     string          `json:"type"`
		Text     *string         `json:"text"`
		Data     json.RawMessage `json:"data"`
		MIMEType string          `json:"mimeType"`
		Resource *struct {
			URI  string  `json:"uri"`
			Text *string `json:"text"`
		} `json:"resource"`
	}
	if json.Unmarshal(block, &b) != nil {
		return string(block), 0
	}
	switch {
	case b.Type == "text" && b.Text != nil:
		return *b.Text, 0
	case b.Type == "image" || b.Type == "audio":
		return fmt.Sprintf("[%s, %s, %d bytes as base64]", b.Type, b.MIMEType, max(len(b.Data)-2, 0)), len(b.Data)
	case b.Resource != nil && b.Resource.Text != nil:
		return *b.Resource.Text, 0
	case b.Resource != nil:
		return fmt.Sprintf("[resource %s, %d bytes]", b.Resource.URI, len(block)), 0
	}
	return string(block), 0
}
