namespace Hotcore;

/// <summary>Texts that are part of the program.</summary>
internal static class EmbeddedText
{
    public static string Read(string name)
    {
        using var text = typeof(EmbeddedText).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the program was built without its {name}");
        return new StreamReader(text).ReadToEnd();
    }
}
