import java.lang.reflect.Field;

/**
 * Starts DynamoDB Local on loopback only: by itself it listens on all interfaces and has no option against it.
 *
 * <p>LoopbackServer.class beside this file is what javac --release 17 makes of it; tests/test_java.py holds them together.
 */
public final class LoopbackServer {
    private static final String RUNNER = "software.amazon.dynamodb.services.local.main.ServerRunner";

    public static void main(String[] arguments) {
        try {
            Object local = Class.forName(RUNNER)
                    .getMethod("createServerFromCommandLineArgs", String[].class)
                    .invoke(null, (Object) arguments);
            Field field = local.getClass().getDeclaredField("server");
            field.setAccessible(true);
            Object jetty = field.get(local);
            for (Object connector : (Object[]) jetty.getClass().getMethod("getConnectors").invoke(jetty)) {
                connector.getClass().getMethod("setHost", String.class).invoke(connector, "127.0.0.1");
            }
            local.getClass().getMethod("start").invoke(local);
        } catch (ClassNotFoundException missing) {
            System.err.println("no DynamoDB Local 3 on the class path: " + missing.getMessage());
            System.exit(1);
        } catch (Exception problem) {
            problem.printStackTrace();
            System.exit(1);
        }
    }
}
