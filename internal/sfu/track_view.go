package sfu

import "slices"

// trackView is an immutable description of the track's layers at one moment.
type trackView struct {
	layers []layerView // that flow, or would if they were used; the smallest first
}

type layerView struct {
	index    int8
	label    string
	width    int
	height   int
	bitrate  int
	smoothed int // bitrate over some seconds: keyframes do not move it
	fps      float64
	active   bool
}

func (v *trackView) sameLayers(other *trackView) bool {
	return slices.EqualFunc(v.layers, other.layers, func(a, b layerView) bool {
		return a.index == b.index && a.width == b.width && a.height == b.height
	})
}

// layerInfos lists the layers that viewers can have. A layer that is not sent while nobody
// uses it is available, at the bitrate that it last had.
func (v *trackView) layerInfos() []LayerInfo {
	all := make([]LayerInfo, len(v.layers))
	for i, l := range v.layers {
		all[i] = LayerInfo{l.label, l.width, l.height, l.bitrate, l.fps, true}
		if !l.active {
			all[i].Bitrate = l.smoothed
		}
	}
	return all
}

// isActive reports whether a layer is sent now.
func (v *trackView) isActive(layer int8) bool {
	return slices.ContainsFunc(v.layers, func(l layerView) bool { return l.index == layer && l.active })
}

// largest returns the index of the largest layer that flows, 0 if none does.
func (v *trackView) largest() int8 {
	if len(v.layers) == 0 {
		return 0
	}
	return v.layers[len(v.layers)-1].index
}

// smoothedBitrate returns the bitrate of a layer, 0 if it does not flow.
func (v *trackView) smoothedBitrate(layer int8) int {
	for _, l := range v.layers {
		if l.index == layer {
			return l.smoothed
		}
	}
	return 0
}
