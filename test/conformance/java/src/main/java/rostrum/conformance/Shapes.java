package rostrum.conformance;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.protocol.MarshallingType;
import software.amazon.awssdk.core.traits.ListTrait;
import software.amazon.awssdk.core.traits.MapTrait;
import software.amazon.awssdk.core.util.SdkAutoConstructList;
import software.amazon.awssdk.core.util.SdkAutoConstructMap;
import software.amazon.awssdk.utils.builder.Buildable;

/** Turns what JSON has into the SDK's shapes, and back. */
final class Shapes {
    private Shapes() {}

    static Object build(Class<?> type, Map<String, Object> members) throws ReflectiveOperationException {
        return filled((SdkPojo) type.getMethod("builder").invoke(null), members);
    }

    private static Object filled(SdkPojo builder, Map<String, Object> members) {
        for (SdkField<?> field : builder.sdkFields()) {
            Object value = members.get(field.memberName());
            if (value != null) {
                field.set(builder, written(field, value));
            }
        }
        return ((Buildable) builder).build();
    }

    @SuppressWarnings("unchecked")
    private static Object written(SdkField<?> field, Object value) {
        MarshallingType<?> type = field.marshallingType();
        if (type == MarshallingType.SDK_POJO) {
            return filled(field.constructor().get(), (Map<String, Object>) value);
        }
        if (type == MarshallingType.LIST) {
            SdkField<?> of = field.getTrait(ListTrait.class).memberFieldInfo();
            List<Object> list = new ArrayList<>();
            ((List<Object>) value).forEach(v -> list.add(written(of, v)));
            return list;
        }
        if (type == MarshallingType.MAP) {
            SdkField<?> of = field.getTrait(MapTrait.class).valueFieldInfo();
            Map<String, Object> map = new HashMap<>();
            ((Map<String, Object>) value).forEach((k, v) -> map.put(k, written(of, v)));
            return map;
        }
        if (type == MarshallingType.INTEGER) {
            return ((Number) value).intValue();
        }
        if (type == MarshallingType.FLOAT) {
            return ((Number) value).floatValue();
        }
        return value;
    }

    /** An empty list that the SDK made up for an absent one is left out. */
    static Map<String, Object> read(SdkPojo shape) {
        Map<String, Object> members = new HashMap<>();
        for (SdkField<?> field : shape.sdkFields()) {
            Object value = field.getValueOrDefault(shape);
            if (value != null && !(value instanceof SdkAutoConstructList) && !(value instanceof SdkAutoConstructMap)) {
                members.put(field.memberName(), read(value));
            }
        }
        return members;
    }

    private static Object read(Object value) {
        if (value instanceof SdkPojo shape) {
            return read(shape);
        }
        if (value instanceof List<?> list) {
            List<Object> all = new ArrayList<>();
            list.forEach(v -> all.add(read(v)));
            return all;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> all = new HashMap<>();
            map.forEach((k, v) -> all.put((String) k, read(v)));
            return all;
        }
        return value instanceof Instant at ? at.toString() : value;
    }
}
