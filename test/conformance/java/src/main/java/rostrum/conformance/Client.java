package rostrum.conformance;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.AwsResponse;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkGlobalTime;
import software.amazon.awssdk.core.async.SdkPublisher;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.ivs.IvsAsyncClient;
import software.amazon.awssdk.services.ivs.IvsClient;
import software.amazon.awssdk.services.ivsrealtime.IvsRealTimeAsyncClient;
import software.amazon.awssdk.services.ivsrealtime.IvsRealTimeClient;

/**
 * Hands calls to the AWS SDK for Java: a request a line on standard input, a reply a line on
 * standard output. Its argument names the client, sync or async.
 */
public final class Client {
    private static final String SERVICES = "software.amazon.awssdk.services.";
    private static final Gson GSON = new Gson();

    private final boolean async;
    private final Map<String, Object> clients = new HashMap<>();

    private Client(boolean async) {
        this.async = async;
    }

    /** What a line of input says. */
    private static final class Request {
        String service;
        String operation;
        Map<String, Object> input;
        Caller caller;
        int pageSize;
    }

    private static final class Caller {
        String name;
        String endpoint;
        String region;
        String accessKey;
        String secretKey;
        String sessionToken;
        int attempts;
        int clock;
    }

    public static void main(String[] args) throws Exception {
        Client client = new Client(args[0].equals("async"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(GSON.toJson(client.answer(GSON.fromJson(line, TypeToken.get(Request.class)))));
        }
        for (Object open : client.clients.values()) {
            ((AutoCloseable) open).close();
        }
    }

    private Map<String, Object> answer(Request request) throws Exception {
        try {
            List<Map<String, Object>> pages = new ArrayList<>();
            String requestId = null;
            for (AwsResponse page : call(request)) {
                requestId = page.responseMetadata().requestId();
                pages.add(Shapes.read(page));
            }
            return Map.of("pages", pages, "requestId", requestId);
        } catch (AwsServiceException e) {
            return Map.of("requestId", e.requestId() == null ? "" : e.requestId(), "error", Map.of(
                    "name", e.awsErrorDetails().errorCode(),
                    "type", e.getClass().getSimpleName(),
                    "status", e.statusCode(),
                    "message", String.valueOf(e.awsErrorDetails().errorMessage()),
                    "shown", e.getMessage()));
        }
    }

    /** Calls the method of an operation, or of its paginator where the SDK has one. */
    private List<AwsResponse> call(Request request) throws Exception {
        boolean channels = request.service.equals("ivs");
        Object client = clients.computeIfAbsent(
                request.service + request.caller.name + request.caller.endpoint, name -> newClient(channels, request.caller));
        Class<?> type = typeOf(channels);
        Class<?> inputType = Class.forName(SERVICES + (channels ? "ivs" : "ivsrealtime") + ".model." + request.operation + "Request");
        String method = Character.toLowerCase(request.operation.charAt(0)) + request.operation.substring(1);
        Map<String, Object> input = request.input == null ? new HashMap<>() : new HashMap<>(request.input);
        if (request.pageSize > 0) {
            input.put("maxResults", request.pageSize);
        }
        Object in = Shapes.build(inputType, input);
        try {
            if (request.pageSize > 0) {
                return pages(type.getMethod(method + "Paginator", inputType).invoke(client, in));
            }
            Object out = type.getMethod(method, inputType).invoke(client, in);
            return List.of((AwsResponse) (async ? ((CompletableFuture<?>) out).join() : out));
        } catch (InvocationTargetException e) {
            throw unwrapped(e);
        } catch (CompletionException e) {
            throw unwrapped(e);
        }
    }

    private static Exception unwrapped(Exception e) {
        return e.getCause() instanceof Exception cause ? cause : e;
    }

    @SuppressWarnings("unchecked")
    private List<AwsResponse> pages(Object paginated) {
        List<AwsResponse> pages = new ArrayList<>();
        if (async) {
            ((SdkPublisher<AwsResponse>) paginated).subscribe(pages::add).join();
        } else {
            ((Iterable<AwsResponse>) paginated).forEach(pages::add);
        }
        return pages;
    }

    private Class<?> typeOf(boolean channels) {
        if (channels) {
            return async ? IvsAsyncClient.class : IvsClient.class;
        }
        return async ? IvsRealTimeAsyncClient.class : IvsRealTimeClient.class;
    }

    /** A client takes over the offset of the time of its making, which is what is taken off the clock. */
    private Object newClient(boolean channels, Caller caller) {
        SdkGlobalTime.setGlobalTimeOffset(-caller.clock);
        try {
            if (channels) {
                return async ? configured(IvsAsyncClient.builder(), caller).build() : configured(IvsClient.builder(), caller).build();
            }
            return async
                    ? configured(IvsRealTimeAsyncClient.builder(), caller).build()
                    : configured(IvsRealTimeClient.builder(), caller).build();
        } finally {
            SdkGlobalTime.setGlobalTimeOffset(0);
        }
    }

    private static <B extends AwsClientBuilder<B, C>, C> B configured(B builder, Caller caller) {
        AwsCredentials credentials = caller.sessionToken == null
                ? AwsBasicCredentials.create(caller.accessKey, caller.secretKey)
                : AwsSessionCredentials.create(caller.accessKey, caller.secretKey, caller.sessionToken);
        return builder.region(Region.of(caller.region))
                .endpointOverride(URI.create(caller.endpoint))
                .credentialsProvider(StaticCredentialsProvider.create(credentials))
                .overrideConfiguration(o -> {
                    if (caller.attempts > 0) {
                        o.retryStrategy(strategy -> strategy.maxAttempts(caller.attempts));
                    }
                });
    }
}
