package api

// Names are the operations that the door serves.
func (d *Door) Names() (all []string) {
	for _, op := range d.operations {
		all = append(all, op.spec.Name)
	}
	return all
}
