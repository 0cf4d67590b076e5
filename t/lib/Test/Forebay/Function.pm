# SPDX-License-Identifier: Apache-2.0
#
# User functions, written with the official SDKs (t/interop/functions), and
# one that goes wrong on purpose (faults.py there):
#
#	Test::Forebay::Function->need('go');	at the head of a test file
#	my $f = Test::Forebay::Function->new(language => 'go', role => 'sink',
#	    do => 'failure=1');
#	$f->start;	... $f->seen ...	$f->stop;
#
# What a language needs is installed and built under build/functions, once,
# and again when its sources have changed; versions are pinned there.
package Test::Forebay::Function;

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA ();
use Fcntl qw(:flock);
use File::Find ();
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

use Test::Forebay::Util;

my $SOURCES = source_dir() . '/t/interop/functions';
# Always in build/, whatever the sanitizer.
my $BUILT = source_dir() . '/build/functions';

# How each is told apart from a machine that has it not, built and started.
my %LANGUAGES = (
	python => {
		version => [['python3', '-c', 'import ensurepip, sys;'
		    . 'print("Python %d.%d" % sys.version_info[:2])'],
		    qr/Python (\d+)\.(\d+)/, 3, 11],
		build => \&build_python,
		command => ["$BUILT/python/bin/python", "$SOURCES/python/function.py"],
	},
	go => {
		version => [['go', 'version'], qr/go(\d+)\.(\d+)/, 1, 22],
		build => \&build_go,
		command => ["$BUILT/go/function"],
	},
	rust => {
		version => [['cargo', '--version'], qr/cargo (\d+)\.(\d+)/, 1,
		    88],
		build => \&build_rust,
		command => ["$BUILT/rust/release/function"],
		# The benchmark's client is built with it.
		also => source_dir() . '/t/bench/tonic.rs',
	},
	java => {
		version => [['javac', '-version'], qr/javac (\d+)()/, 17, 0],
		build => \&build_java,
		command => ['java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
		    '-Xmx256m', '-XX:-UsePerfData', '-cp',
		    "$BUILT/java/classes:$BUILT/java/lib/*", 'Function'],
	},
	# It needs nothing but Python itself.
	faults => { command => ['python3', "$SOURCES/faults.py"] },
);

our %PLACES = (
	transformer => ['sourcetransform.sock', 'sourcetransformer-server-info'],
	map => ['map.sock', 'mapper-server-info'],
	sink => ['sink.sock', 'sinker-server-info'],
	fallback => ['fb-sink.sock', 'fb-sinker-server-info'],
	onSuccess => ['ons-sink.sock', 'ons-sinker-server-info'],
);
my %MODE_SOCKETS = (batch => 'batchmap.sock', stream => 'mapstream.sock',
    multiproc => 'multiproc0.sock');

# ---- what must be there --------------------------------------------------

# Why the machine has no tools for it, which Debian does not have in that age;
# undef if it has.
sub no_tools
{
	my ($language) = @_;
	my $l = $LANGUAGES{$language} // die "no language $language\n";
	my ($cmd, $pattern, @least) = @{$l->{version} // return undef};
	my ($status, $out, $err) = run($cmd);

	return "no $cmd->[0]" if $status || "$out$err" !~ $pattern;
	my @is = ($1, $2 || 0);

	return "$cmd->[0] is older than $least[0].$least[1]"
	    if $is[0] < $least[0] || $is[0] == $least[0] && $is[1] < $least[1];
	return undef;
}

# Why there can be no function of this language here; undef if there can.
sub missing
{
	my ($language) = @_;

	return no_tools($language) // built($language);
}

sub need
{
	my ($class, @languages) = @_;

	for my $language (@languages) {
		my $machine = no_tools($language);
		my $why = $machine // missing($language);

		skip_all_for("no functions in $language: $why",
		    machine => defined $machine) if $why;
	}
	return 1;
}

# ---- building ------------------------------------------------------------

sub digest
{
	my ($language) = @_;
	my $sha = Digest::SHA->new(256);
	my @files;

	File::Find::find({ no_chdir => 1, wanted => sub {
		push @files, $_ if -f && !m{/__pycache__/};
	} }, "$SOURCES/$language");
	for my $file (sort(@files), $LANGUAGES{$language}{also} // ()) {
		$sha->add("$file\0")->addfile($file);
	}
	return $sha->hexdigest;
}

# Once, however many tests want it at the same time.
sub built
{
	my ($language) = @_;
	my $dir = "$BUILT/$language";
	my $digest = digest($language);

	make_path($BUILT);
	open(my $lock, '>', "$dir.lock") or return "$dir.lock: $!";
	flock($lock, LOCK_EX);
	return undef if slurp("$dir.built") eq $digest;
	unlink "$dir.built";
	eval { $LANGUAGES{$language}{build}->($dir); 1 } or
	    return substr($@, 0, 4000);
	spew("$dir.built", $digest);
	return undef;
}

sub step { return run_ok(@_, timeout => patience(1800)) }

sub build_python
{
	my ($dir) = @_;

	remove_tree($dir);
	step(['python3', '-m', 'venv', $dir]);
	step(["$dir/bin/pip", 'install', '-q', '--no-deps',
	    '--require-hashes', '-r', "$SOURCES/python/requirements.txt"]);
	return;
}

sub build_go
{
	my ($dir) = @_;
	my %env = (GOCACHE => "$dir/cache", GOMODCACHE => "$dir/modules",
	    GOFLAGS => '-modcacherw -mod=readonly', CGO_ENABLED => 0);

	# -s -w: nobody looks at its symbols.
	step(['go', 'build', '-C', "$SOURCES/go", '-ldflags=-s -w', '-o',
	    "$dir/function", '.'], env => \%env);
	return;
}

sub build_rust
{
	my ($dir) = @_;

	step(['cargo', 'build', '-q', '--release', '--locked',
	    '--manifest-path', "$SOURCES/rust/Cargo.toml", '--target-dir',
	    $dir]);
	return;
}

sub build_java
{
	my ($dir) = @_;

	step(['mvn', '-q', '-B', '-f', "$SOURCES/java/pom.xml", "-Dwhere=$dir",
	    'compile', 'dependency:copy-dependencies',
	    '-DincludeScope=runtime', "-DoutputDirectory=$dir/lib"]);
	return;
}

# The benchmark's client, which is built with the functions in Rust.
sub tonic_client { return "$BUILT/rust/release/tonic-client" }

# ---- a function ----------------------------------------------------------

# language	python, go, rust, java; or fault => what faults.py shall do
# role, mode	sink and sync, if unset
# do		orders for records that have none
# dir		of socket and info file
# log		file for what it sees; '' for none
# args		more arguments, of faults.py
# timeout	of a call, in seconds
sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		language => $opt{fault} ? 'faults' : $opt{language},
		role => $opt{role} // 'sink', mode => $opt{mode} // 'sync',
		fault => $opt{fault}, args => $opt{args} // [],
		timeout => $opt{timeout},
		scratch => scratch(), owner => $$,
	}, $class;

	$self->{dir} = abs_path($opt{dir} // "$self->{scratch}");
	$self->{log} = $opt{log} // "$self->{scratch}/seen";
	$self->{err} = "$self->{scratch}/err";
	$self->{env} = { FUNCTION_DIR => $self->{dir},
	    FUNCTION_LOG => $self->{log} eq '' ? undef : $self->{log},
	    FUNCTION_DO => $opt{do}, %{$opt{env} // {}} };
	return $self;
}

# As a manifest's container section has it.
sub command
{
	my ($self) = @_;
	my @command = @{$LANGUAGES{$self->{language}}{command}};

	return (@command, $self->{role}, $self->{fault}, '--mode',
	    $self->{mode}, @{$self->{args}}) if $self->{fault};
	return (@command, $self->{role}, $self->{mode});
}

sub socket
{
	my ($self) = @_;

	return "$self->{dir}/" .
	    ($MODE_SOCKETS{$self->{mode}} // $PLACES{$self->{role}}[0]);
}

sub info { return $_[0]{dir} . '/' . $PLACES{$_[0]{role}}[1] }

sub spawn_only
{
	my ($self) = @_;

	$self->{pid} = spawn([$self->command], out => $self->{err},
	    err => $self->{err}, env => $self->{env});
	return $self;
}

sub start
{
	my ($self) = @_;

	unlink $self->info, $self->socket;
	$self->spawn_only;
	wait_until {
		pid_alive($self->{pid}) or die "the function has ended: "
		    . slurp($self->{err});
		return -S $self->socket &&
		    slurp($self->info) =~ /U\+005C__END__\z/;
	} "$self->{language} serves a $self->{role}", 60;
	return $self;
}

sub is_alive { return $_[0]{pid} && pid_alive($_[0]{pid}) }

sub signal { return kill($_[1], $_[0]{pid}) }

# SIGTERM, and more if that is not enough; its wait status.
sub stop
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} // return undef;
	my @children = $self->children($pid);
	my $status = kill_pid($pid, $signal // 'TERM');

	kill('KILL', grep { pid_alive($_) } @children);
	return $status;
}

sub kill { return $_[0]->stop('KILL') }

# Those of a multiprocessing server.
sub children
{
	my ($self, $pid) = @_;

	return split ' ', slurp("/proc/$pid/task/$pid/children");
}

sub log_text { return slurp($_[0]{err}) }

sub DESTROY
{
	my ($self) = @_;

	return if $self->{owner} != $$ || !$self->{pid};
	local ($?, $@);
	$self->stop('KILL');
	return;
}

# ---- what it has seen ----------------------------------------------------

# A list of hashes; `value` is decoded.
sub seen
{
	my ($self) = @_;
	my @lines = map { JSON::PP::decode_json($_) }
	    split /\n/, slurp($self->{log});

	$_->{value} = decode_base64($_->{value}) for @lines;
	return @lines;
}

# The same as lines of the log sink, which helper/verify reads; an id of a
# function begins with the MonoVertex's name.
sub log_lines
{
	my ($path, @seen) = @_;

	spew($path, join('', map {
		sprintf("Payload - %s Keys - %s EventTime - %d Headers -  "
		    . "ID - %s\n", $_->{value}, join(',', @{$_->{keys}}),
		    $_->{time}, $_->{id} =~ s/^demo-//r)
	} @seen));
	return $path;
}

# ---- calling it without forebay ------------------------------------------

# Records are hashes: value, and keys, headers, time, retry, if wanted.  The
# answers of one batch, as client.py has them, by id: the position in the list.
sub call
{
	my ($self, @records) = @_;
	my $n = 0;
	my $dir = scratch();

	spew("$dir/in", join('', map {
		JSON::PP::encode_json({ time => 1_700_000_000_123,
		    %$_, id => 't:0:' . $n++,
		    value => encode_base64($_->{value}, '') }) . "\n"
	} @records));
	open(my $in, '<', "$dir/in") or die "in: $!\n";
	my ($status, $out, $err) = run(["$BUILT/python/bin/python",
	    "$SOURCES/client.py", $self->{role}, $self->{dir}, $self->{mode}],
	    in => $in, timeout => patience(90),
	    env => { CLIENT_TIMEOUT => $self->{timeout} // patience(60) });
	my @answers = map { JSON::PP::decode_json($_) } split /\n/, $out;
	my %by_id;

	return { error => $answers[-1] // { code => 'NONE', details => $err } }
	    if $status;
	for my $answer (@answers) {
		my ($i) = delete($answer->{id}) =~ /^t:0:(\d+)$/ or
		    return { error => { code => 'ID', details => $out } };
		# Of a stream: several results, one after the other.
		if ($by_id{$i} && $answer->{results}) {
			push @{$by_id{$i}{results}}, @{$answer->{results}};
			next;
		}
		return { error => { code => 'TWICE', details => $out } }
		    if $by_id{$i};
		$by_id{$i} = $answer;
		$answer->{message}{value} =
		    decode_base64($answer->{message}{value})
		    if $answer->{message};
	}
	for my $result (map { @{$_->{results} // []} } values %by_id) {
		$result->{value} = decode_base64($result->{value});
	}
	return \%by_id;
}

1;
