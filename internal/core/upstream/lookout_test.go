package upstream

// watches returns how many directories are watched.
func (c *Connector) watches() int {
	c.lookoutMu.Lock()
	l := c.lookout
	c.lookoutMu.Unlock()
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posts)
}
