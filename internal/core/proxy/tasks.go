package proxy

import (
	"encoding/json"
	"fmt"
	"sync"

	"mcpproxy-tray/internal/core/rawjson"
)

// maxTasks is how many tasks a scope remembers the server of; of more, the oldest
// are forgotten. One takes about 150 bytes.
const maxTasks = 10_000

// A taskOwners knows which server a task is of: its id alone does not tell.
type taskOwners struct {
	mu     sync.Mutex
	server map[string]string // by task id; "" if several servers use the id; guarded by mu
	order  []string          // the task ids, the oldest at next once there are maxTasks; guarded by mu
	next   int               // guarded by mu
}

// learn notes the task that a result stands for, if it does.
func (t *taskOwners) learn(server string, result json.RawMessage) {
	id := taskOf(result)
	if id == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, ok := t.server[id]; ok {
		if was != server {
			t.server[id] = ""
		}
		return
	}
	if t.server == nil {
		t.server = map[string]string{}
	}
	t.server[id] = server
	if len(t.order) < maxTasks {
		t.order = append(t.order, id)
		return
	}
	delete(t.server, t.order[t.next])
	t.order[t.next] = id
	t.next = (t.next + 1) % maxTasks
}

// taskOf returns the id of the task that was made instead of a result, or "".
// Revision 2025-11-25 has it in a member "task", the extension beside a "resultType".
func taskOf(result json.RawMessage) string {
	var id, typ json.RawMessage
	for m := range rawjson.Members(result) {
		switch string(m.Key) {
		case "resultType":
			typ = m.Value
		case "taskId":
			id = m.Value
		case "task":
			for e := range rawjson.Members(m.Value) {
				if string(e.Key) == "taskId" {
					return unquoteString(e.Value)
				}
			}
		}
	}
	if unquoteString(typ) != "task" {
		return ""
	}
	return unquoteString(id)
}

// unquoteString decodes a JSON string; of anything else it returns "".
func unquoteString(v json.RawMessage) string {
	if len(v) == 0 || v[0] != '"' {
		return ""
	}
	return unquote(v)
}

// learning returns a route whose result may stand for a task, which is then known.
func (s *scope) learning(c *catalog, r route) route {
	if o := c.offer(r.server); o != nil && (o.can.tasks || o.can.tasksExtension) {
		next := r.finish
		r.finish = func(result json.RawMessage) []byte {
			s.tasks.learn(r.server, result)
			if next != nil {
				return next(result)
			}
			return result
		}
	}
	return r
}

// routeTask routes what names a task.
func (s *scope) routeTask(c *catalog, params json.RawMessage) (route, error) {
	id, err := text(params, "taskId")
	if err != nil {
		return route{}, err
	}
	s.tasks.mu.Lock()
	server, ok := s.tasks.server[id]
	s.tasks.mu.Unlock()
	switch {
	case !ok:
		return route{}, invalid(fmt.Sprintf("There is no task %q, or it is too long ago.", shorten(id)))
	case server == "":
		return route{}, invalid(fmt.Sprintf("Several servers have a task %q. Ask at the server's own endpoint, /mcp/server/NAME.", shorten(id)))
	}
	return s.routeTo(c, server, params)
}
