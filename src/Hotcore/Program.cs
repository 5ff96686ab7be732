using System.Runtime.Versioning;
using Hotcore.Cli;

[assembly: SupportedOSPlatform("linux")]

return CommandLine.Run(args, Terminal.OfThisProcess());
